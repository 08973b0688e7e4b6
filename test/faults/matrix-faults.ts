import { apnsError, type ApnsReason, APNS_REASONS, apnsUndocumented } from '../../gateways/apns.answers.js';
import { makeServiceAccount, serviceAccountJson } from '../../gateways/certificates.js';
import { fcmError, fcmErrors, oauthError } from '../../gateways/fcm.answers.js';
import { type Fault, type FaultPlan, malformedJson } from '../../gateways/faults.js';
import { type ServedCertificate } from '../../gateways/gateway.js';
import {
  HUAWEI_CODES,
  huaweiAllInvalid,
  huaweiAnswer,
  type HuaweiCode,
  huaweiFlowControl,
  huaweiOauthError,
  huaweiPartly,
  huaweiUndocumented,
} from '../../gateways/huawei.answers.js';
import { type Answer } from '../../gateways/messages.js';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestGateways } from '../support/gateways.js';
import { type TestServer } from '../support/test-server.js';
import { type Phone, type Provider, PROVIDERS } from './phones.js';

export interface World {
  readonly server: TestServer;
  readonly gateways: TestGateways;
  /** A folder for files of the test. */
  readonly folder: string;
}

/**
 * What must become of the pushes that were sent while the fault was there.
 * - `waits`: none of them goes through; all arrive when it is over
 * - `passes`: the fault does not keep them from arriving
 * - `refused`: the provider says that our message itself is wrong; sending it again would be wrong again
 */
export type Outcome = 'waits' | 'passes' | 'refused';

export interface MatrixFault {
  readonly provider: Provider;
  readonly name: string;
  readonly outcome: Outcome;
  /** The provider took a push and the answer was lost: without a sign of it, the push has to go again. */
  readonly repeats?: true;
  /** It shows as a time-out only. */
  readonly stalls?: true;
  /** It is met by phones that the provider accepted before. What it says so of a token that it never knew is believed. */
  readonly meetsKnown?: true;
  begin(world: World, phones: readonly Phone[]): void | Promise<void>;
  /** Without it the gateways forget their faults. */
  readonly end?: (world: World, phones: readonly Phone[]) => void | Promise<void>;
}

function met(provider: Provider, name: string, fault: Fault, outcome: Outcome, repeats?: true): MatrixFault {
  return {
    provider,
    name,
    outcome,
    ...(repeats ? { repeats } : {}),
    ...(fault.kind === 'stall' ? { stalls: true } : {}),
    begin: ({ gateways }) => gateways[provider].faults.all(fault),
  };
}

/** Answers that leave no doubt about a token, unless they are given to everybody. */
const CALLED_DEAD: ReadonlySet<string> = new Set(['ExpiredToken', 'Unregistered', 'unregistered']);

const answered = (provider: Provider, name: string, answer: Answer, outcome: Outcome = 'waits'): MatrixFault => ({
  ...met(provider, name, { kind: 'answer', answer }, outcome),
  ...(CALLED_DEAD.has(name) ? { meetsKnown: true } : {}),
});

/** APNs finds fault with the message, which is made alike for all. */
const APNS_REFUSALS: ReadonlySet<ApnsReason> = new Set([
  'BadCollapseId',
  'BadExpirationDate',
  'BadMessageId',
  'BadPriority',
  'DuplicateHeaders',
  'InvalidPushType',
  'MissingDeviceToken',
  'PayloadEmpty',
  'BadPath',
  'MethodNotAllowed',
  'PayloadTooLarge',
]);

const HUAWEI_REFUSALS: ReadonlySet<HuaweiCode> = new Set([
  '80100001',
  '80100002',
  '80100003',
  '80100004',
  '80100013',
  '80100016',
  '80300008',
  '80300010',
]);

function apnsAnswers(): MatrixFault[] {
  // A token that died in the future has surely not been registered since.
  const timestamp = Date.now() + 3_600_000;
  return [
    ...APNS_REASONS.map((reason) =>
      answered('apns', reason, apnsError(reason, { timestamp }), APNS_REFUSALS.has(reason) ? 'refused' : 'waits'),
    ),
    answered('apns', 'Unregistered, before the registration', apnsError('Unregistered', { timestamp: 1 })),
    answered('apns', '429 with Retry-After', apnsError('TooManyRequests', { retryAfterSeconds: 60 })),
    answered('apns', '503 with Retry-After', apnsError('ServiceUnavailable', { retryAfterSeconds: 60 })),
    answered('apns', 'undocumented 400', apnsUndocumented(400, 'SomethingNew')),
    answered('apns', 'undocumented 410', apnsUndocumented(410, 'SomethingNew', { timestamp })),
    answered('apns', 'undocumented 599', apnsUndocumented(599, 'SomethingNew')),
  ];
}

function fcmAnswers(): MatrixFault[] {
  const refused = new Set<keyof typeof fcmErrors>(['invalidField', 'tooBig']);
  return [
    ...(Object.keys(fcmErrors) as (keyof typeof fcmErrors)[]).map((name) => {
      const answer =
        name === 'invalidField'
          ? fcmErrors.invalidField('message.data', 'Invalid data')
          : name === 'permissionDenied' || name === 'serviceDisabled'
            ? fcmErrors[name]('stand-in-project')
            : fcmErrors[name]();
      return answered('fcm', name, answer, refused.has(name) ? 'refused' : 'waits');
    }),
    answered('fcm', '429 with Retry-After', fcmErrors.quotaExceeded(60)),
    answered('fcm', '503 with Retry-After', fcmErrors.unavailable(60)),
    answered('fcm', 'undocumented 404', fcmError(404, 'SOMETHING_NEW', 'Something new.')),
    answered('fcm', 'a proxy’s page', { status: 404, headers: { 'content-type': 'text/html' }, body: '<html>' }),
    answered('fcm', 'malformed JSON, 200', malformedJson(200)),
  ];
}

function huaweiAnswers(): MatrixFault[] {
  const codes = HUAWEI_CODES.filter((code) => code !== '80000000' && code !== '80100000');
  return [
    ...codes.map((code) =>
      answered('huawei', code, huaweiAnswer(code), HUAWEI_REFUSALS.has(code) ? 'refused' : 'waits'),
    ),
    answered('huawei', '80300007 noRight', huaweiAllInvalid({ noRight: ['a token'] })),
    answered('huawei', '80300007 penalty', huaweiAllInvalid({ penalty: ['a token'] })),
    {
      provider: 'huawei',
      name: '80100000 with all of them',
      outcome: 'waits',
      begin: ({ gateways }, phones) =>
        phones.forEach(({ token }) =>
          gateways.huawei.faults.forToken(token, { kind: 'answer', answer: huaweiPartly([], [token]) }),
        ),
    },
    answered('huawei', '80100000 without a list', huaweiPartly([], [])),
    answered('huawei', 'undocumented code', huaweiUndocumented('80999999', 'Something new')),
    answered('huawei', 'flow control with Retry-After', huaweiFlowControl(60)),
    answered('huawei', 'HTTP 502', { status: 502 }),
    answered('huawei', 'HTTP 404', { status: 404 }),
    answered('huawei', 'malformed JSON, 200', malformedJson(200)),
  ];
}

/** Faults below and beside the answers, which all three know. */
function transportFaults(provider: Provider): MatrixFault[] {
  const certificates: ServedCertificate[] = ['untrusted', 'expired', 'other-host'];
  return [
    met(provider, 'delay', { kind: 'delay', delayMs: 100 }, 'passes'),
    met(provider, 'stall', { kind: 'stall' }, 'waits'),
    met(provider, 'stall, push taken', { kind: 'stall', accepted: true }, 'passes', true),
    met(provider, 'RST_STREAM INTERNAL_ERROR', { kind: 'reset', code: 'INTERNAL_ERROR' }, 'waits'),
    met(provider, 'RST_STREAM CANCEL, push taken', { kind: 'reset', code: 'CANCEL', accepted: true }, 'passes', true),
    met(provider, 'REFUSED_STREAM', { kind: 'reset', code: 'REFUSED_STREAM' }, 'waits'),
    met(provider, 'connection cut', { kind: 'destroy' }, 'waits'),
    met(provider, 'connection cut, push taken', { kind: 'destroy', accepted: true }, 'passes', true),
    met(provider, 'GOAWAY, graceful', { kind: 'goaway' }, 'passes'),
    met(provider, 'GOAWAY with unprocessed streams', { kind: 'goaway', unprocessed: true }, 'waits'),
    answered(provider, 'malformed JSON, 400', malformedJson(400)),
    {
      provider,
      name: 'a limit of one stream',
      outcome: 'passes',
      begin: ({ gateways }) => gateways[provider].setMaxConcurrentStreams(1),
    },
    {
      provider,
      name: 'connection refused',
      outcome: 'waits',
      begin: ({ gateways }) => gateways[provider].stopListening(),
      end: ({ gateways }) => gateways[provider].listenAgain(),
    },
    ...certificates.map((kind): MatrixFault => ({
      provider,
      name: `TLS certificate: ${kind}`,
      outcome: 'waits',
      begin: ({ gateways }) => gateways[provider].serveCertificate(kind),
      end: ({ gateways }) => gateways[provider].serveCertificate('good'),
    })),
  ];
}

function oauthFaults(provider: 'fcm' | 'huawei', refusal: Answer): MatrixFault[] {
  const met = (name: string, fault: Fault): MatrixFault => ({
    provider,
    name: `OAuth: ${name}`,
    outcome: 'waits',
    ...(fault.kind === 'stall' ? { stalls: true } : {}),
    begin: ({ gateways }) => {
      const plan: FaultPlan = gateways[provider].oauthFaults;
      plan.all(fault);
      gateways[provider].revokeAccessTokens();
    },
  });
  return [
    met('refused', { kind: 'answer', answer: refusal }),
    met('500', { kind: 'answer', answer: { status: 500 } }),
    met('429 with Retry-After', { kind: 'answer', answer: { status: 429, headers: { 'retry-after': '1' } } }),
    met('404', { kind: 'answer', answer: { status: 404 } }),
    met('malformed JSON, 200', { kind: 'answer', answer: malformedJson(200) }),
    met('stall', { kind: 'stall' }),
    met('connection cut', { kind: 'destroy' }),
    {
      provider,
      name: 'OAuth: tokens refused at sending',
      outcome: 'waits',
      begin: ({ gateways }) => {
        gateways[provider].accessTokens.lifetimeSeconds = 0;
        gateways[provider].revokeAccessTokens();
      },
    },
  ];
}

/** What an operator sets wrong, and mends with a restart. */
function configurationFaults(): MatrixFault[] {
  const wrong = (provider: Provider, name: string, env: (world: World) => Record<string, string>): MatrixFault => ({
    provider,
    name,
    outcome: 'waits',
    begin: (world) => world.server.restart(env(world)),
    end: ({ server }) => server.restart(),
  });
  return [
    wrong('apns', 'wrong topic', () => ({ APNS_TOPIC: 'com.example.other' })),
    {
      provider: 'apns',
      name: 'wrong environment',
      outcome: 'waits',
      begin: ({ gateways }, phones) => phones.forEach(({ token }) => gateways.apns.mark(token, 'other-environment')),
    },
    wrong('apns', 'wrong team', () => ({ APNS_TOKEN_TEAM_ID: 'TEAMOFNONE' })),
    wrong('fcm', 'wrong project', ({ gateways, folder }) => {
      const account = { ...gateways.credentials.serviceAccount, projectId: 'mistyped' };
      return { FCM_SERVICE_ACCOUNT_FILE: accountFile(folder, account, gateways) };
    }),
    wrong('fcm', 'wrong service account', ({ gateways, folder }) => ({
      FCM_SERVICE_ACCOUNT_FILE: accountFile(folder, makeServiceAccount('another-project'), gateways),
    })),
    wrong('fcm', 'wrong address', ({ gateways }) => ({ FCM_URL: gateways.huawei.url })),
    wrong('huawei', 'wrong secret', () => ({ HUAWEI_APP_SECRET: 'mistyped' })),
    wrong('huawei', 'wrong app', () => ({ HUAWEI_APP_ID: '1' })),
    wrong('huawei', 'wrong address', ({ gateways }) => ({ HUAWEI_PUSH_URL: gateways.fcm.url })),
  ];
}

function accountFile(folder: string, account: ReturnType<typeof makeServiceAccount>, gateways: TestGateways): string {
  const file = join(folder, `${account.projectId}.json`);
  writeFileSync(file, serviceAccountJson(account, gateways.fcm.tokenUri));
  return file;
}

export const MATRIX: readonly MatrixFault[] = [
  ...apnsAnswers(),
  ...fcmAnswers(),
  ...huaweiAnswers(),
  ...PROVIDERS.flatMap(transportFaults),
  ...oauthFaults('fcm', oauthError('invalid_grant', 'Invalid JWT Signature.')),
  ...oauthFaults('huawei', huaweiOauthError(20_042, 'client_secret is invalid')),
  ...configurationFaults(),
];
