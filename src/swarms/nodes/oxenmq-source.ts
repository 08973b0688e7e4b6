import { type NodeListSource } from '../../config/node-list-source.js';
import { nameOfSource, type ListSource, type SourceAnswer } from './list-source.js';
import {
  type ConnectionTuning,
  DEFAULT_CONNECTION_TUNING,
  NodeConnection,
  type OwnKeys,
} from '../lines/node-connection.js';

const DEADLINE_MS = 30_000;
const MAX_ANSWER_BYTES = 9 * 1024 * 1024;
/** A subscription to blocks lasts 30 minutes at an oxend. */
const RENEW_BLOCKS_MS = 20 * 60_000;

/** An oxend that is asked over OxenMQ, by one connection that is kept, and that tells of each block. */
export class OxenmqSource implements ListSource {
  readonly name: string;
  private connection: NodeConnection | null = null;
  private opening: Promise<NodeConnection | null> | null = null;
  private blocksTimer: NodeJS.Timeout | undefined;
  private toldOfBlocks = false;
  private closed = false;

  /** @param onBlock is called when the source says that there is a new block */
  constructor(
    private readonly source: Extract<NodeListSource, { kind: 'oxenmq' }>,
    private readonly own: OwnKeys,
    private readonly onBlock: () => void,
    private readonly tuning: ConnectionTuning = DEFAULT_CONNECTION_TUNING,
  ) {
    this.name = nameOfSource(source);
  }

  get tellsOfBlocks(): boolean {
    return this.toldOfBlocks && this.connection !== null;
  }

  async ask(question: object): Promise<SourceAnswer> {
    const connection = await this.connected();
    if (!connection) return { kind: 'failed', failure: 'unreachable' };
    const data = [Buffer.from(JSON.stringify(question))];
    const answer = await connection.request('rpc.get_service_nodes', data, DEADLINE_MS, MAX_ANSWER_BYTES);
    switch (answer.kind) {
      case 'reply': {
        const [status, json] = answer.parts;
        if (status?.toString() !== '200' || !json) return { kind: 'failed', failure: 'refused' };
        return { kind: 'answer', json: json.toString() };
      }
      case 'refused':
        return { kind: 'failed', failure: 'refused' };
      case 'unanswered':
        return { kind: 'failed', failure: 'unanswered' };
      case 'busy':
      case 'gone':
        return { kind: 'failed', failure: 'unreachable' };
    }
  }

  close(): void {
    this.closed = true;
    clearInterval(this.blocksTimer);
    this.connection?.close();
  }

  private connected(): Promise<NodeConnection | null> {
    if (this.closed) return Promise.resolve(null);
    if (this.connection?.isOpen) return Promise.resolve(this.connection);
    this.opening ??= this.connect().finally(() => (this.opening = null));
    return this.opening;
  }

  private connect(): Promise<NodeConnection | null> {
    return new Promise((resolve) => {
      const { address, key } = this.source;
      const target = { address, key: key === null ? null : Buffer.from(key, 'hex') };
      const connection = new NodeConnection(
        target,
        this.own,
        {
          opened: () => {
            this.subscribe(connection);
            resolve(connection);
          },
          ended: () => {
            if (this.connection === connection) this.connection = null;
            this.toldOfBlocks = false;
            resolve(null);
          },
          command: (name) => {
            if (name === 'notify.block') this.onBlock();
          },
        },
        this.tuning,
      );
      this.connection = connection;
      connection.open();
    });
  }

  /** Answered with OK or ALREADY; a source that does not know the request is polled. */
  private subscribe(connection: NodeConnection): void {
    const ask = async (): Promise<void> => {
      const answer = await connection.request('sub.block', [], DEADLINE_MS);
      this.toldOfBlocks = answer.kind === 'reply';
    };
    clearInterval(this.blocksTimer);
    this.blocksTimer = setInterval(() => void ask(), RENEW_BLOCKS_MS);
    this.blocksTimer.unref();
    void ask();
  }
}
