import { resolve } from 'node:path';
import { Logger } from '@nestjs/common';
import { type AppConfig } from '../config/app-config.js';
import { createKeyPair, readKeyPair, requireFirstKeyPair } from './onion-key.file.js';
import { type X25519KeyPair } from './protocol/key-agreement.js';

/** Holds the server's key pair, imported once. An unusable file stops the start. */
export class OnionKeyService {
  /** What clients need to reach this server: 64 hex characters. */
  readonly publicKeyHex: string;

  constructor(readonly keyPair: X25519KeyPair) {
    this.publicKeyHex = keyPair.publicKey.toString('hex');
  }

  /**
   * Reads the key file; makes it at a first start.
   *
   * @param isInUse whether apps know the key already
   * @throws KeyFileError
   */
  static async open(
    { onionPrivateKeyFile: path, isOnionKeyNamed: isNamed }: AppConfig,
    isInUse: () => Promise<boolean>,
  ): Promise<OnionKeyService> {
    const keyPair = readKeyPair(path);
    if (keyPair) return new OnionKeyService(keyPair);
    await requireFirstKeyPair(path, { isNamed, isInUse });
    const made = new OnionKeyService(createKeyPair(path));
    new Logger('OnionKey').log({ msg: 'made a new onion key: keep a copy in a safe place', file: resolve(path) });
    return made;
  }
}
