import { type AppConfig } from '../config/app-config.js';
import { type PushTransport, type RetryCause } from './push-transport.js';

/** What the server knows of a provider beside its transport. */
export interface PushProvider {
  /**
   * Shortest first pause by cause, in milliseconds, where it differs from the general one: a device or an operator's
   * mistake does not change within seconds.
   */
  readonly firstPauseMs: Readonly<Partial<Record<RetryCause, number>>>;

  /**
   * Reasons that say that the app on this very device is gone. The other dead answers (a malformed token, one of another
   * environment) are also what a provider says to everybody when the operator's own settings are wrong.
   */
  readonly certainlyDead: readonly string[];

  /**
   * Well-formed where the transport looks at the form, and no device's: `check` sends to it. Null = there is no service to
   * ask, because each device has its own.
   */
  readonly impossibleToken: string | null;

  /** The files whose change makes `reloadCredentials` worth calling; none when it is not configured. */
  credentialFiles(config: AppConfig): readonly (string | null)[];

  /**
   * Reads and checks the credentials now; connects when there is something to send. null = not configured.
   *
   * @throws CredentialError naming the variable whose credential is not usable
   */
  open(config: AppConfig, options?: object): Promise<PushTransport | null>;
}
