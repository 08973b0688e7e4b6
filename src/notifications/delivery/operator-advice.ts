/** What an operator can do about an answer of a provider that concerns the server's own settings. */
const ADVICE: Readonly<Record<string, string>> = {
  // APNs: https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
  DeviceTokenNotForTopic: 'check APNS_TOPIC: it must be the bundle id of the app that registered',
  TopicDisallowed: 'check APNS_TOPIC, and that the certificate or key may push to it',
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
  SERVICE_DISABLED: 'enable the Firebase Cloud Messaging API in the project of FCM_SERVICE_ACCOUNT_FILE',
  NOT_FOUND: 'check the project_id in FCM_SERVICE_ACCOUNT_FILE and FCM_URL',
  THIRD_PARTY_AUTH_ERROR: 'check the APNs or web push credentials in the Firebase console',
  UNAUTHENTICATED: 'replace FCM_SERVICE_ACCOUNT_FILE: Google refuses it',
};

const GENERAL = 'check the credentials and settings of this provider';

export const adviceFor = (reason: string): string => ADVICE[reason] ?? GENERAL;
