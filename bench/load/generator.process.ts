import { openReply } from '../../src/onion/protocol/onion-client.js';
import { takeOrders } from '../child-orders.js';
import { monotonicMs } from '../measure/clock.js';
import { driveFlatOut, driveSteadily, type Send } from './drive.js';
import { type HttpAnswer, HttpConnection } from './http-connection.js';
import { type Checked, type LoadOrder, type LoadRun, type Prepared } from './load-orders.js';
import { makeRequests, type PreparedRequest } from './request-maker.js';

let requests: PreparedRequest[] = [];
let answers: HttpAnswer[] = [];

takeOrders({}, (message) => {
  const order = message as LoadOrder;
  switch (order.kind) {
    case 'prepare':
      return prepare(order);
    case 'run':
      return run(order);
    case 'check':
      return check();
  }
});

function prepare(order: Extract<LoadOrder, { kind: 'prepare' }>): Prepared {
  requests = makeRequests(order);
  return { pushes: requests.reduce((sum, { pushes }) => sum + pushes, 0) };
}

async function run(order: Extract<LoadOrder, { kind: 'run' }>): Promise<LoadRun> {
  const count = requests.length;
  const connections = await Promise.all(
    Array.from({ length: order.connections }, () => HttpConnection.open(order.port)),
  );
  answers = new Array<HttpAnswer>(count);
  const send: Send = async (number, index) => {
    const [connection, request] = [connections[number], requests[index]];
    if (!connection || !request) throw new Error('more was asked for than was prepared');
    answers[index] = await connection.send(request.bytes);
  };
  const startedAt = monotonicMs();
  const times =
    order.ratePerSecond === null
      ? await driveFlatOut(count, connections.length, send)
      : await driveSteadily(count, connections.length, order.ratePerSecond, send);
  const endedAt = monotonicMs();
  for (const connection of connections) connection.close();
  return { startedAt, endedAt, ...times };
}

/** Opens every reply, as an app would. */
function check(): Checked {
  const good = requests.filter(({ context }, index) => {
    const answer = answers[index];
    if (answer?.status !== 200) return false;
    const { status, body } = openReply(context, answer.body);
    return status === 200 && (body['code'] === 1 || body['success'] === true);
  });
  return { bad: requests.length - good.length };
}
