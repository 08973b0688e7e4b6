/** What an operator can do about an answer of a provider that concerns the server's own settings. */
const ADVICE: Readonly<Record<string, string>> = {
  // APNs: https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
  DeviceTokenNotForTopic: 'check APNS_TOPIC: it must be the bundle id of the app that registered',
  BadDeviceToken: 'check APNS_ENVIRONMENT: the app registers in the other one, or in both',
  TopicDisallowed: 'check APNS_TOPIC, and that the certificate or key may push to it',
  CertificateExpired: 'replace the certificate in APNS_CERT_FILE, it has expired',
  BadCertificate: 'replace the certificate in APNS_CERT_FILE',
  BadCertificateEnvironment: 'check APNS_ENVIRONMENT, or use a certificate for this environment',
  InvalidProviderToken: 'check APNS_TOKEN_KEY_FILE, APNS_TOKEN_KEY_ID and APNS_TOKEN_TEAM_ID',
  MissingProviderToken: 'check APNS_TOKEN_KEY_FILE or APNS_CERT_FILE',
  UnrelatedKeyIdInToken: 'check APNS_TOKEN_KEY_ID: the key may not push to APNS_TOPIC',
  BadEnvironmentKeyIdInToken: 'check APNS_ENVIRONMENT: the key is restricted to the other environment',
  BadEnvironmentKeyInToken: 'check APNS_ENVIRONMENT: the key is restricted to the other environment',
  ExpiredProviderToken: 'check the clock of this machine',
  Forbidden: 'check in the developer account that the certificate or key is still valid',
  // FCM: https://firebase.google.com/docs/cloud-messaging/error-codes
  SENDER_ID_MISMATCH: 'check FCM_SERVICE_ACCOUNT_FILE: the app registers with another Firebase project',
  PERMISSION_DENIED: 'enable the Firebase Cloud Messaging API and give the service account the right to send',
  NOT_FOUND: 'check the project_id in FCM_SERVICE_ACCOUNT_FILE and FCM_URL',
  THIRD_PARTY_AUTH_ERROR: 'check the APNs or web push credentials in the Firebase console',
  UNAUTHENTICATED: 'replace FCM_SERVICE_ACCOUNT_FILE: Google refuses it',
  INVALID_ARGUMENT: 'check that the app registers with the Firebase project of FCM_SERVICE_ACCOUNT_FILE',
  invalid_grant: 'replace FCM_SERVICE_ACCOUNT_FILE, its key may be deleted, and check the clock of this machine',
  Http404: 'check FCM_URL or HUAWEI_PUSH_URL: there is nothing that takes pushes',
  TokenHttp404: 'check HUAWEI_AUTH_URL, or token_uri in FCM_SERVICE_ACCOUNT_FILE',
  // The proxy of HTTPS_PROXY
  ProxyFailed: 'check HTTPS_PROXY: the proxy cannot be reached',
  ProxyLogin: 'check user and password in HTTPS_PROXY: the proxy refuses them',
  ProxyRefused: 'check that the proxy of HTTPS_PROXY may lead there, or name the host in NO_PROXY',
  // HMS: https://developer.huawei.com/consumer/en/doc/HMSCore-References/https-send-api-0000001050986197
  TokenError1101: 'check HUAWEI_APP_ID and the app secret: Huawei refuses them',
  Code80200001: 'check HUAWEI_APP_ID and the app secret: Huawei refuses them',
  Code80300002: 'check HUAWEI_APP_ID: the tokens belong to another app',
  Code80300007: 'check HUAWEI_APP_ID: Huawei knows none of the tokens',
  'Code80300007:noRight': 'check HUAWEI_APP_ID and the rights of the app in AppGallery Connect',
  'Code80300007:appinfoError': 'check HUAWEI_APP_ID and that Push Kit is enabled for the app',
  'Code80300007:penalty': 'Huawei penalises the app: see AppGallery Connect',
  Code80300037: 'Huawei penalises the app: see AppGallery Connect',
};

const GENERAL = 'check the credentials and settings of this provider';

export const adviceFor = (reason: string): string => ADVICE[reason] ?? GENERAL;

/** What can be done when a provider cannot be reached; null = that is not in these settings. */
export const adviceForWay = (reason: string): string | null => (reason.startsWith('Proxy') ? adviceFor(reason) : null);
