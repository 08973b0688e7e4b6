import { describe, expect, it } from 'vitest';
import { encodeAnswers, type Items, type Judged, readMonitorRequest } from './monitor-request.js';
import { oxenmqVectors } from './spec-vectors.js';

const { clock, accepted, answers, clock_edges: clockEdges } = oxenmqVectors.monitor_messages;
const hex = (text: string): Buffer => Buffer.from(text, 'hex');

function answerOf(request: Items): Buffer {
  if ('refused' in request) return request.refused;
  return encodeAnswers(
    request.form,
    request.items.map((item) => ('answer' in item ? item.answer : undefined)),
  );
}

const read = (part: string, seconds = clock): Items => readMonitorRequest(hex(part), seconds * 1000);
const itemsOf = (request: Items): readonly Judged[] => ('items' in request ? request.items : []);

describe('a monitor.messages request', () => {
  it.each(accepted)('is taken: $what', ({ part_hex: part, reply_hex: reply, account, namespaces, data }) => {
    const request = read(part);
    expect(answerOf(request).toString('hex')).toBe(reply);
    expect(itemsOf(request)).toEqual([{ watch: { account: hex(account), namespaces, data } }]);
  });

  it.each(answers)('is answered as by a node: $what', ({ part_hex: part, reply_hex: reply }) => {
    expect(answerOf(read(part)).toString('latin1')).toBe(hex(reply).toString('latin1'));
  });

  it.each(clockEdges)('is judged by the clock: $what', ({ clock: seconds, reply_text: reply }) => {
    expect(answerOf(read(accepted[0]?.part_hex ?? '', seconds)).toString()).toBe(reply);
  });

  it('lets nobody watch an account by a request that it refuses', () => {
    const refused = answers.filter(({ reply_hex: reply }) => !hex(reply).includes('success'));
    expect(refused.length).toBeGreaterThan(30);
    for (const { part_hex: part } of refused) expect(itemsOf(read(part)).filter((item) => 'watch' in item)).toEqual([]);
  });

  it('ends early at any byte without being taken', () => {
    const part = hex(accepted[0]?.part_hex ?? '');
    for (let length = 0; length < part.length; length++) {
      const items = itemsOf(readMonitorRequest(part.subarray(0, length), clock * 1000));
      expect(items.filter((item) => 'watch' in item)).toEqual([]);
    }
  });
});
