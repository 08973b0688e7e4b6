import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { authorityOf, type Credentials, makeCredentials } from './certificates.js';

const FILE = 'credentials.json';
const NODES = 9;
/** A folder that is used again and again should not stop working within a developer's patience. */
const LIFETIME_MS = 10 * 365 * 86_400_000;

const text = z.string().min(1);
const identity = z.object({ cert: text, key: text });
const keyPair = z.object({ privateKey: text, publicKey: text });
const keptSchema = z.object({
  authority: identity,
  server: identity,
  apnsClient: identity,
  apnsTokenKey: keyPair.extend({ keyId: text, teamId: text }),
  serviceAccount: keyPair.extend({ projectId: text, clientEmail: text, privateKeyId: text }),
  huaweiAppId: text,
  huaweiAppSecret: text,
  vapidKey: z.object({ privateKey: text, applicationServerKey: text }),
  nodeSeeds: z.array(z.hex().length(64)),
});

export interface KeptCredentials {
  readonly credentials: Credentials;
  /** Of the storage nodes' keys. */
  readonly nodeSeeds: readonly Buffer[];
}

/** What is wrong with the folder, as a sentence. */
export class UnusableFolder extends Error {}

/** The keys and ids that a folder holds; made and written there when it holds none, so that the next run has the same. */
export async function keptCredentials(dir: string): Promise<KeptCredentials> {
  const file = join(dir, FILE);
  const kept = existsSync(file) ? read(file) : await make(file, dir);
  const { nodeSeeds, authority, ...rest } = kept;
  return {
    credentials: { authority: authorityOf(authority), ...rest },
    nodeSeeds: nodeSeeds.map((seed) => Buffer.from(seed, 'hex')),
  };
}

/** Does what writes into the folder, and says so when that cannot be done. */
export function writeInto<T>(dir: string, write: () => T): T {
  try {
    return write();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new UnusableFolder(`The folder ${dir} cannot be written to (${String(code)}).`, { cause });
  }
}

function read(file: string): z.infer<typeof keptSchema> {
  try {
    return keptSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    const isOfSystem = cause instanceof Error && 'code' in cause && 'syscall' in cause;
    const why = isOfSystem ? `cannot be read (${String(cause.code)})` : 'is damaged; remove it to get new keys and ids';
    throw new UnusableFolder(`${file} ${why}.`, { cause });
  }
}

async function make(file: string, dir: string): Promise<z.infer<typeof keptSchema>> {
  const made = await makeCredentials({ span: { notAfter: new Date(Date.now() + LIFETIME_MS) } });
  const nodeSeeds = Array.from({ length: NODES }, () => randomBytes(32).toString('hex'));
  const kept = keptSchema.parse({ ...made, nodeSeeds });
  writeInto(dir, () => {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    writeFileSync(file, `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600 });
  });
  return kept;
}
