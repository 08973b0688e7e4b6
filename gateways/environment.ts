import { type CredentialFiles } from './certificates.js';

/** The variables that point a server at the stand-in providers, with token authentication at APNs. */
export function gatewayEnvironment(
  files: CredentialFiles,
  gateways: Readonly<Record<'apns' | 'fcm' | 'huawei' | 'webpush', { readonly url: string }>>,
): Record<string, string> {
  return {
    APNS_URL: gateways.apns.url,
    APNS_SANDBOX_URL: gateways.apns.url,
    APNS_CA_FILE: files.caFile,
    APNS_TOKEN_KEY_FILE: files.apnsTokenKeyFile,
    APNS_TOKEN_KEY_ID: files.keyId,
    APNS_TOKEN_TEAM_ID: files.teamId,
    FCM_URL: gateways.fcm.url,
    FCM_CA_FILE: files.caFile,
    FCM_SERVICE_ACCOUNT_FILE: files.serviceAccountFile,
    HUAWEI_AUTH_URL: gateways.huawei.url,
    HUAWEI_PUSH_URL: gateways.huawei.url,
    HUAWEI_CA_FILE: files.caFile,
    HUAWEI_APP_ID: files.huaweiAppId,
    HUAWEI_APP_SECRET: files.huaweiAppSecret,
    VAPID_KEY_FILE: files.vapidKeyFile,
    VAPID_SUBJECT: 'mailto:operator@example.org',
    WEBPUSH_CA_FILE: files.caFile,
    WEBPUSH_ALLOWED_HOSTS: new URL(gateways.webpush.url).host,
  };
}
