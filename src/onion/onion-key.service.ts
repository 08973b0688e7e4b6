import { Inject, Injectable } from '@nestjs/common';
import { type AppConfig } from '../config/app-config.js';
import { APP_CONFIG } from '../config/config.module.js';
import { loadOrCreateKeyPair } from './onion-key.file.js';
import { type X25519KeyPair } from './protocol/key-agreement.js';

/** Holds the server's key pair, imported once. An unusable file stops the start. */
@Injectable()
export class OnionKeyService {
  readonly keyPair: X25519KeyPair;
  /** What clients need to reach this server: 64 hex characters. */
  readonly publicKeyHex: string;

  constructor(@Inject(APP_CONFIG) config: AppConfig) {
    this.keyPair = loadOrCreateKeyPair(config.onionPrivateKeyFile);
    this.publicKeyHex = this.keyPair.publicKey.toString('hex');
  }
}
