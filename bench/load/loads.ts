import { type BenchCommand, type RequestShape } from './load-orders.js';

const V2: Pick<RequestShape, 'version' | 'encType'> = { version: 'v2', encType: 'aes-gcm' };
const V4_GCM: Pick<RequestShape, 'version' | 'encType'> = { version: 'v4', encType: 'aes-gcm' };
const V4_XCHACHA: Pick<RequestShape, 'version' | 'encType'> = { version: 'v4', encType: 'xchacha20' };
const CIPHERS = [V2, V4_GCM, V4_XCHACHA];

/** A command in all three ways that apps send it, in turn. */
export const inAllCiphers = (command: BenchCommand): RequestShape[] =>
  CIPHERS.map((cipher) => ({ command, ...cipher }));

export interface NamedLoad {
  readonly name: string;
  readonly shapes: readonly RequestShape[];
  /** The most that a request may cost, as a multiple of the floor's cost; null = no aim. */
  readonly target: number | null;
}

export const REGISTER_LOAD: NamedLoad = {
  name: 'register, v4 XChaCha20',
  shapes: [{ command: 'register', ...V4_XCHACHA }],
  target: 1.8,
};

const SUBSCRIBE_LOAD: NamedLoad = {
  name: '/subscribe, v4 XChaCha20',
  shapes: [{ command: 'subscribe', ...V4_XCHACHA }],
  target: 1.8,
};

export const ACCEPT_LOADS: readonly NamedLoad[] = [
  { name: 'notify, v2 AES-GCM', shapes: [{ command: 'notify', ...V2 }], target: 1.5 },
  { name: 'notify, v4 AES-GCM', shapes: [{ command: 'notify', ...V4_GCM }], target: 1.5 },
  { name: 'notify, v4 XChaCha20', shapes: [{ command: 'notify', ...V4_XCHACHA }], target: 1.5 },
  REGISTER_LOAD,
  SUBSCRIBE_LOAD,
  {
    name: 'mixed: 4 notify to 1 register',
    shapes: CIPHERS.flatMap((cipher) => [
      ...Array.from({ length: 4 }, (): RequestShape => ({ command: 'notify', ...cipher })),
      { command: 'register', ...cipher },
    ]),
    target: null,
  },
];

/** The population where its size does not matter. */
export const SMALL_POPULATION = { ids: 1000, groups: 100 };
