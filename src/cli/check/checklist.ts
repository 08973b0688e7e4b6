import { CLI } from '../../config/cli-name.js';
import { type Check } from './check.js';

/** What a server needs for an app of its own, and whether it is there. */
export interface ChecklistItem {
  item: string;
  /** `failed`: it is set up and does not work. */
  state: 'done' | 'failed' | 'missing';
  /** Without it no phone is woken. */
  required: boolean;
  /** What there is, or what to do. */
  detail: string;
}

interface Rule {
  readonly item: string;
  readonly required: boolean;
  /** Each of these is enough: the checks that it is made of, by the beginnings of their names. */
  readonly anyOf: readonly (readonly string[])[];
  /** What to do when nothing of it is set up; null = its check says so itself. */
  readonly todo: string | null;
  /** A warning says that it is not there yet. */
  readonly strict?: true;
}

const RULES: readonly Rule[] = [
  { item: 'onion key', required: true, anyOf: [['onion key']], todo: null, strict: true },
  { item: 'database', required: true, anyOf: [['database']], todo: null, strict: true },
  { item: 'public address, https', required: true, anyOf: [['public address']], todo: null },
  { item: 'storage network', required: true, anyOf: [['network', 'source ', 'storage node']], todo: null },
  {
    item: 'a push service',
    required: true,
    anyOf: [['apns'], ['fcm'], ['huawei'], ['webpush']],
    todo: 'set the credentials of at least one of the four below',
  },
  {
    item: 'APNs, for iPhones',
    required: false,
    anyOf: [['apns']],
    todo: 'set APNS_TOKEN_KEY_FILE, APNS_TOKEN_KEY_ID, APNS_TOKEN_TEAM_ID and APNS_TOPIC',
  },
  { item: 'FCM, for Android', required: false, anyOf: [['fcm']], todo: 'set FCM_SERVICE_ACCOUNT_FILE' },
  {
    item: 'HMS, for Huawei',
    required: false,
    anyOf: [['huawei']],
    todo: 'set HUAWEI_APP_ID and HUAWEI_APP_SECRET_FILE',
  },
  {
    item: 'Web Push, for UnifiedPush',
    required: false,
    anyOf: [['webpush']],
    todo: `run ${CLI} keygen --vapid, and set VAPID_KEY_FILE and VAPID_SUBJECT`,
  },
  {
    item: 'data key',
    required: false,
    anyOf: [['data key']],
    todo: 'set DATA_KEY_FILE, and ids and tokens are stored sealed; keep a copy of the key in a second place',
  },
  { item: 'backup', required: false, anyOf: [['backup']], todo: null },
  { item: 'alerts', required: false, anyOf: [['alerts']], todo: null },
  { item: 'statistics', required: false, anyOf: [['statistics']], todo: null },
];

/** The server's half of the checklist in docs/forks.md, from what was looked at. */
export function checklistOf(checks: readonly Check[]): ChecklistItem[] {
  return RULES.map(({ item, required, anyOf, todo, strict = false }) => {
    const looks = anyOf.map((beginnings) => look(checks, beginnings, strict));
    const best = ORDER.flatMap((state) => looks.filter((one) => one.state === state))[0];
    const advice = best?.state === 'off' ? todo : null;
    const state = best === undefined || best.state === 'off' ? 'missing' : best.state;
    return { item, required, state, detail: advice ?? best?.detail ?? '' };
  });
}

const ORDER = ['done', 'failed', 'missing', 'off'] as const;

interface Look {
  /** `off`: nobody set it up. */
  readonly state: (typeof ORDER)[number];
  readonly detail: string;
}

function look(checks: readonly Check[], beginnings: readonly string[], strict: boolean): Look {
  const own = checks.filter(({ name }) => beginnings.some((beginning) => name.startsWith(beginning)));
  const of = (wanted: Check['status']): Check | undefined => own.find(({ status }) => status === wanted);
  const [failed, warning, good, off] = [of('failed'), of('warning'), of('ok'), of('off')];
  if (failed) return { state: 'failed', detail: failed.detail };
  if (warning) return { state: strict ? 'missing' : 'done', detail: warning.detail };
  return good ? { state: 'done', detail: good.detail } : { state: 'off', detail: off?.detail ?? '' };
}
