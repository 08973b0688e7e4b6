import { type HuaweiConfig } from '../../config/app-config.js';
import { CredentialError, CredentialFile } from '../../common/start/credential-file.js';

/**
 * The app's secret, from the configuration or from its file without the white space around it.
 *
 * @throws {CredentialError} when there is none, or when it holds what no secret of AppGallery Connect does
 */
export function readHuaweiSecret(source: HuaweiConfig['appSecret']): string {
  const text =
    source.kind === 'value' ? source.value : new CredentialFile('HUAWEI_APP_SECRET_FILE', source.file).text();
  const secret = text.trim();
  if (secret === '') throw huaweiSecretError(source, 'is empty');
  if (!/^[\x21-\x7e]{1,1024}$/.test(secret)) {
    throw huaweiSecretError(source, 'must hold the secret and nothing else: printable ASCII without spaces');
  }
  return secret;
}

/** What is wrong with the secret, said of the variable that it came from. */
export function huaweiSecretError(source: HuaweiConfig['appSecret'], reason: string): CredentialError {
  return source.kind === 'value'
    ? new CredentialError('HUAWEI_APP_SECRET', reason)
    : new CredentialFile('HUAWEI_APP_SECRET_FILE', source.file).error(reason);
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
