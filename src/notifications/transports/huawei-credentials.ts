import { readFile } from 'node:fs/promises';
import { type HuaweiConfig } from '../../config/app-config.js';
import { CredentialError } from './credential-error.js';

/**
 * The app's secret, from the configuration or from its file without the white space around it.
 *
 * @throws {CredentialError} when there is none, or when it holds what no secret of AppGallery Connect does
 */
export async function readHuaweiSecret(source: HuaweiConfig['appSecret']): Promise<string> {
  const variable = source.kind === 'file' ? 'HUAWEI_APP_SECRET_FILE' : 'HUAWEI_APP_SECRET';
  const text = source.kind === 'value' ? source.value : await readSecretFile(source.file, variable);
  const secret = text.trim();
  if (secret === '') throw new CredentialError(variable, 'is empty');
  if (!/^[\x21-\x7e]{1,1024}$/.test(secret)) {
    throw new CredentialError(variable, 'must hold the secret and nothing else: printable ASCII without spaces');
  }
  return secret;
}

async function readSecretFile(file: string, variable: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => {
    throw new CredentialError(variable, 'cannot be read');
  });
}

/**
 * The form that is exchanged for an access token at `/oauth2/v3/token`.
 *
 * @returns `application/x-www-form-urlencoded`
 * @see Huawei, "OAuth 2.0-based authentication", client credentials
 */
export function clientCredentialsForm(appId: string, secret: string): string {
  return new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: appId,
    client_secret: secret,
  }).toString();
}
