import { createCipheriv } from 'node:crypto';

/**
 * BLAKE2b and HChaCha20 written anew from RFC 7693 and draft-irtf-cfrg-xchacha, slow and plain: what the cipher library
 * makes is compared with them.
 */

const MASK = (1n << 64n) - 1n;
const IV = [
  0x6a09e667f3bcc908n,
  0xbb67ae8584caa73bn,
  0x3c6ef372fe94f82bn,
  0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n,
  0x9b05688c2b3e6c1fn,
  0x1f83d9abfb41bd6bn,
  0x5be0cd19137e2179n,
];
const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
];
const QUARTERS = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const;

export function blake2b(bytes: number, key: Uint8Array, message: Uint8Array): Buffer {
  const keyBlock = Buffer.concat([key, Buffer.alloc(key.length > 0 ? 128 - key.length : 0)]);
  const input = Buffer.concat([keyBlock, message]);
  const blocks = Math.max(1, Math.ceil(input.length / 128));
  const state = [...IV];
  state[0] = at(state, 0) ^ 0x01010000n ^ (BigInt(key.length) << 8n) ^ BigInt(bytes);
  for (let block = 0; block < blocks; block++) {
    const piece = Buffer.alloc(128);
    input.copy(piece, 0, block * 128, (block + 1) * 128);
    compress(state, piece, BigInt(Math.min(input.length, (block + 1) * 128)), block === blocks - 1);
  }
  const digest = Buffer.alloc(64);
  state.forEach((word, index) => digest.writeBigUInt64LE(word, index * 8));
  return digest.subarray(0, bytes);
}

function compress(state: bigint[], block: Buffer, count: bigint, last: boolean): void {
  const words = Array.from({ length: 16 }, (_, index) => block.readBigUInt64LE(index * 8));
  const v = [...state, ...IV];
  v[12] = at(v, 12) ^ count;
  if (last) v[14] = at(v, 14) ^ MASK;
  for (let round = 0; round < 12; round++) {
    const order = SIGMA[round % 10] ?? [];
    QUARTERS.forEach(([a, b, c, d], index) => {
      mix(v, a, b, c, d, at(words, order[index * 2] ?? 0), at(words, order[index * 2 + 1] ?? 0));
    });
  }
  state.forEach((word, index) => (state[index] = word ^ at(v, index) ^ at(v, index + 8)));
}

function mix(v: bigint[], a: number, b: number, c: number, d: number, x: bigint, y: bigint): void {
  const rotate = (word: bigint, bits: bigint) => ((word >> bits) | (word << (64n - bits))) & MASK;
  v[a] = (at(v, a) + at(v, b) + x) & MASK;
  v[d] = rotate(at(v, d) ^ at(v, a), 32n);
  v[c] = (at(v, c) + at(v, d)) & MASK;
  v[b] = rotate(at(v, b) ^ at(v, c), 24n);
  v[a] = (at(v, a) + at(v, b) + y) & MASK;
  v[d] = rotate(at(v, d) ^ at(v, a), 16n);
  v[c] = (at(v, c) + at(v, d)) & MASK;
  v[b] = rotate(at(v, b) ^ at(v, c), 63n);
}

/** `ciphertext | tag[16]`. */
export function xchacha20poly1305(
  key: Uint8Array,
  nonce: Uint8Array,
  message: Uint8Array,
  additionalData: Uint8Array = Buffer.alloc(0),
): Buffer {
  const subkey = hchacha20(key, nonce.subarray(0, 16));
  const cipher = createCipheriv('chacha20-poly1305', subkey, Buffer.concat([Buffer.alloc(4), nonce.subarray(16)]), {
    authTagLength: 16,
  });
  cipher.setAAD(additionalData, { plaintextLength: message.length });
  return Buffer.concat([cipher.update(message), cipher.final(), cipher.getAuthTag()]);
}

function hchacha20(key: Uint8Array, input: Uint8Array): Buffer {
  const bytes = Buffer.concat([Buffer.from('expand 32-byte k'), key, input]);
  const v = Array.from({ length: 16 }, (_, index) => bytes.readUInt32LE(index * 4));
  const word = (index: number) => v[index] ?? 0;
  const rotate = (value: number, bits: number) => ((value << bits) | (value >>> (32 - bits))) >>> 0;
  const add = (to: number, from: number, target: number, bits: number) => {
    v[to] = (word(to) + word(from)) >>> 0;
    v[target] = rotate((word(target) ^ word(to)) >>> 0, bits);
  };
  for (let round = 0; round < 10; round++) {
    for (const [a, b, c, d] of QUARTERS) {
      add(a, b, d, 16);
      add(c, d, b, 12);
      add(a, b, d, 8);
      add(c, d, b, 7);
    }
  }
  const subkey = Buffer.alloc(32);
  [0, 1, 2, 3, 12, 13, 14, 15].forEach((from, index) => subkey.writeUInt32LE(word(from), index * 4));
  return subkey;
}

const at = (words: readonly bigint[], index: number): bigint => words[index] ?? 0n;
