import { type z } from 'zod';
import { DEVICE_TYPES, type DeviceType } from '../../devices/device.entity.js';
import { type ServerStatus } from '../dto/server-status.dto.js';
import { type StatisticsData } from '../dto/statistics-data.dto.js';
import { type legacyStatisticsSchema } from './operator-answers.js';

const NONE_OF_EACH = Object.fromEntries(DEVICE_TYPES.map((type) => [type, 0])) as Record<DeviceType, number>;

/** What answers look like, for the description of the endpoints. */
export const STATISTICS_DATA: StatisticsData = {
  periodHours: 12,
  periods: [
    {
      from: '2026-03-01T00:00:00.000Z',
      to: '2026-03-01T12:00:00.000Z',
      messages: { total: 5321, oneToOne: 4210, closedGroup: 921, untracked: 190 },
      pushes: { ios: 2526, android: 2904, huawei: 122 },
    },
  ],
};

const SERVERS = {
  known: 18,
  failing: 1,
  proven: 16,
  provenFailing: 1,
  largestFailing: [{ host: 'push.example.org', devices: 7, reason: 'ConnectFailed' }],
};

export const HEALTH_REPORT: ServerStatus['health'] = {
  status: 'degraded',
  database: { status: 'ok' },
  queue: { status: 'ok', lanes: [{ lane: 'apns', items: 12, oldestAgeSeconds: 40.5 }] },
  worker: { status: 'ok' },
  network: { status: 'ok' },
  providers: {
    apns: {
      status: 'degraded',
      problem: 'provider-down: ConnectFailed',
      breaker: 'open',
      unhealthySince: '2026-03-01T11:58:20.000Z',
      removalPaused: false,
      certificateEndsAt: '2026-11-30T00:00:00.000Z',
      servers: null,
    },
    webpush: {
      status: 'ok',
      breaker: 'closed',
      unhealthySince: null,
      removalPaused: false,
      certificateEndsAt: null,
      servers: SERVERS,
    },
  },
  unconfigured: ['huawei'],
};

export const SERVER_STATUS: ServerStatus = {
  host: 'push-1',
  time: '2026-03-01T11:59:00.000Z',
  version: '0.1.0',
  startedAt: '2026-02-27T08:00:00.000Z',
  instance: { role: 'all', processes: 1 },
  health: HEALTH_REPORT,
  pushes: [
    {
      provider: 'apns',
      delivered: 12_630,
      withoutContent: 14,
      deviceGone: 21,
      refused: 0,
      expired: 0,
      collapsed: 3,
      unconfigured: 0,
      retries: 12,
      halfWithinSeconds: 0.25,
      mostWithinSeconds: 1,
    },
  ],
  network: {
    nodes: { known: 2100, wanted: 640, connected: 638, failing: 2, aside: 0 },
    swarms: { known: 300, used: 92, uncounted: 0 },
    accounts: { full: 1890, partial: 6, none: 0 },
    reports: { perSecond: 4.2, taken: 15_230, copies: 91_100, late: 12, tooBig: 3, others: 0 },
    list: { ageSeconds: 210, origin: 'source' },
  },
  devices: {
    byPlatform: { ...NONE_OF_EACH, ios: 1210, android: 1688, huawei: 61 },
    sessionIds: 2730,
    countedAt: '2026-03-01T11:58:31.000Z',
  },
};

export const LEGACY_STATISTICS: z.infer<typeof legacyStatisticsSchema> = {
  code: 0,
  data: {
    ios_device_number: 1210,
    android_device_number: 1749,
    total_session_id_number: 2730,
    data: [
      {
        start_date: '2026-03-01 00:00:00',
        end_date: '2026-03-01 12:00:00',
        ios_pn_number: 2526,
        android_pn_number: 2904,
        total_message_number: 5321,
        closed_group_message_number: 921,
        untracked_message_number: 190,
        deduplicated_1_1_message_number: 4210,
      },
    ],
  },
};
