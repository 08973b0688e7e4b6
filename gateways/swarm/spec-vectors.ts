import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Recorded from the real node code and the real OxenMQ library. */
interface OxenmqVectors {
  readonly exchanges: readonly {
    readonly what: string;
    readonly peer: string;
    readonly send: readonly string[];
    readonly receive: readonly (readonly string[])[];
  }[];
  readonly notify_message: readonly { readonly what: string; readonly frames: readonly [string, string] }[];
  readonly zmtp_null_streams: readonly RecordedStream[];
  readonly zmtp_curve_session: RecordedStream & {
    readonly server_public_hex: string;
    readonly server_secret_hex: string;
    readonly client_ephemeral_secret_hex: string;
  };
  readonly bt: { readonly valid: readonly { readonly what: string; readonly hex: string; readonly value: unknown }[] };
  readonly monitor_messages: {
    readonly clock: number;
    readonly accepted: readonly RecordedWatch[];
    readonly answers: readonly RecordedAnswer[];
    readonly clock_edges: readonly { readonly what: string; readonly clock: number; readonly reply_text: string }[];
    readonly merging: { readonly state: readonly string[] };
  };
}

interface RecordedStream {
  readonly what: string;
  readonly stream: readonly (readonly ['client' | 'node', string])[];
}

interface RecordedAnswer {
  readonly what: string;
  readonly part_hex: string;
  readonly reply_hex: string;
}

interface RecordedWatch extends RecordedAnswer {
  readonly account: string;
  readonly namespaces: readonly number[];
  readonly data: boolean;
}

const FILE = join(import.meta.dirname, '../../test/vectors/oxenmq-vectors.json');

export const oxenmqVectors = JSON.parse(readFileSync(FILE, 'utf8')) as OxenmqVectors;
