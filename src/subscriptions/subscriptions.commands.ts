import { Injectable } from '@nestjs/common';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from 'zod';
import { type JsonObject } from '../encoding/json.js';
import { OnionCommand, type RequestProblem } from '../onion/onion-command.decorator.js';
import { Sealing } from '../sealing/sealing.js';
import { type SubscribeItem, subscribeItem, type UnsubscribeItem, unsubscribeItem } from './dto/subscriptions.dto.js';
import { readItem } from './dto/subscription-fields.js';
import { refusalOfSubscribe, refusalOfUnsubscribe } from './registry/item-checks.js';
import { Offer } from './offer.js';
import { PUSH_SERVICES } from './wire/push-service.js';
import {
  added,
  type ItemRefusal,
  type Postponement,
  refusedItem,
  type SubscriptionReply,
  TRY_LATER,
  unsubscribed,
  updated,
} from './wire/replies.protocol.js';
import { toEndingKey, toNewSubscription } from './registry/stored-subscription.js';
import { SubscriptionSignal } from './watching/subscription-signal.js';
import { type SubscribeOutcome, SubscriptionsService, type UnsubscribeOutcome } from './subscriptions.service.js';

/** Apps send at most a hundred, or one for each group. */
export const MAX_ITEMS = 500;

/** Some milliseconds of checking signatures, after which the event loop gets its turn. */
const ITEMS_PER_TURN = 16;

/** What the onion request held: an object, or a list of objects. */
type RequestBody = JsonObject | readonly JsonObject[];

export type SubscriptionReplies = SubscriptionReply | Postponement | readonly SubscriptionReply[];

/** What `/services` answers. */
type OfferedServices = {
  readonly services: readonly string[];
  /** The public key for Web Push, base64url: the `applicationServerKey` of an endpoint. */
  readonly vapid?: string;
};

const INVALID_FORM = refusedItem(1, 'Invalid JSON: expected object or array of objects');
const TOO_MANY = refusedItem(1, `At most ${MAX_ITEMS} items are possible in one request`);
const OUTDATED = refusedItem(4, 'sig_ts is older than that of a request that was already carried out');

/** Items are looked at one by one, so that a wrong one does not harm the others: any body of the right form is taken. */
const itemCommand = (name: string) =>
  OnionCommand({
    name,
    versions: ['v4'],
    takes: 'object-or-array',
    schema: z.custom<RequestBody>(),
    refuse: (problem) => ({ status: 200, body: refusedItem(1, messageOf(problem)) }),
    later: { status: 503, body: TRY_LATER },
    succeeded: (replies: SubscriptionReplies) => [replies].flat().every((reply) => 'success' in reply),
  });

type Check<Item> = (item: Item, nowSeconds: number) => ItemRefusal | null;

/**
 * Today's API. A request is one item or a list of them, and is answered likewise, index by index. An item that is wrong does
 * not harm the others; what is right is stored in one transaction, and answered when that is on disk.
 *
 * When it cannot be stored now, the method rejects and nothing is done. The app gets 503: after any answer with a 2xx it does
 * not ask again for a week.
 */
@Injectable()
export class SubscriptionsCommands {
  constructor(
    private readonly subscriptions: SubscriptionsService,
    private readonly sealing: Sealing,
    private readonly offer: Offer,
    private readonly signal: SubscriptionSignal,
  ) {}

  @itemCommand('subscribe')
  subscribe(body: RequestBody): Promise<SubscriptionReplies> {
    return this.answer(
      body,
      subscribeItem,
      (item, now) => this.refusalOf(item, now),
      async (items) => {
        const wanted = items.map((item) => toNewSubscription(this.sealing, item));
        const outcomes = await this.subscriptions.subscribe(wanted);
        this.signal.changed([...new Set(wanted.map(({ account }) => account))]);
        return outcomes.map(replyToSubscribe);
      },
    );
  }

  @itemCommand('unsubscribe')
  unsubscribe(body: RequestBody): Promise<SubscriptionReplies> {
    return this.answer(body, unsubscribeItem, refusalOfUnsubscribe, async (items) => {
      const unwanted = items.map((item) => toEndingKey(this.sealing, item));
      return (await this.subscriptions.unsubscribe(unwanted)).map(replyToUnsubscribe);
    });
  }

  /** What a phone can ask to be woken through. */
  @OnionCommand({
    name: 'services',
    versions: ['v4'],
    schema: z.unknown(),
    refuse: (problem) => ({ status: 200, body: refusedItem(1, messageOf(problem)) }),
  })
  services(): OfferedServices {
    const { services, vapidPublicKey } = this.offer;
    return {
      services: PUSH_SERVICES.filter((service) => services.has(service)),
      ...(vapidPublicKey === null ? {} : { vapid: vapidPublicKey }),
    };
  }

  private refusalOf(item: SubscribeItem, now: number): ItemRefusal | null {
    const { service, info } = item;
    if (!this.offer.sendsTo(service, info.token))
      return refusedItem(1, 'Invalid Web Push endpoint: this server does not send there');
    return refusalOfSubscribe(item, now);
  }

  private async answer<Item extends UnsubscribeItem | SubscribeItem>(
    body: RequestBody,
    schema: z.ZodType<Item>,
    check: Check<Item>,
    carryOut: (items: readonly Item[]) => Promise<SubscriptionReply[]>,
  ): Promise<SubscriptionReplies> {
    const items = isList(body) ? body : [body];
    if (items.length === 0) return INVALID_FORM;
    const read = await this.readAll(items, schema, check);
    const good = read.filter((item): item is Item => !isRefusal(item));
    const answers = inTheirPlaces(read, good.length === 0 ? [] : await carryOut(good));
    const [only = INVALID_FORM] = answers;
    return isList(body) ? answers : only;
  }

  private async readAll<Item extends UnsubscribeItem>(
    items: readonly JsonObject[],
    schema: z.ZodType<Item>,
    check: Check<Item>,
  ): Promise<(Item | ItemRefusal)[]> {
    const read: (Item | ItemRefusal)[] = [];
    for (const [index, item] of items.entries()) {
      if (index > 0 && index % ITEMS_PER_TURN === 0) await nextTurn();
      read.push(index < MAX_ITEMS ? this.read(item, schema, check) : TOO_MANY);
    }
    return read;
  }

  private read<Item extends UnsubscribeItem>(
    value: JsonObject,
    schema: z.ZodType<Item>,
    check: Check<Item>,
  ): Item | ItemRefusal {
    const item = readItem(schema, value);
    if (isRefusal(item)) return item;
    if (!this.offer.services.has(item.service)) {
      return refusedItem(2, `${item.service} notification service not currently available`);
    }
    return check(item, Math.floor(Date.now() / 1000)) ?? item;
  }
}

/** The replies, with the refusals where they belong. */
function inTheirPlaces(
  read: readonly (object | ItemRefusal)[],
  replies: readonly SubscriptionReply[],
): SubscriptionReply[] {
  const rest = [...replies];
  return read.flatMap((item) => (isRefusal(item) ? item : rest.splice(0, 1)));
}

const isList = (body: RequestBody): body is readonly JsonObject[] => Array.isArray(body);

const isRefusal = (read: object): read is ItemRefusal => 'error' in read;

function messageOf(problem: RequestProblem): string {
  switch (problem.kind) {
    case 'body-missing':
      return 'Invalid request: request body missing';
    case 'not-json':
      return 'Invalid JSON';
    case 'wrong-form':
      return INVALID_FORM.message;
    case 'arguments':
      return problem.message;
  }
}

function replyToSubscribe(outcome: SubscribeOutcome): SubscriptionReply {
  switch (outcome) {
    case 'added':
      return added();
    case 'updated':
      return updated();
    case 'outdated':
      return OUTDATED;
  }
}

function replyToUnsubscribe(outcome: UnsubscribeOutcome): SubscriptionReply {
  switch (outcome) {
    case 'removed':
      return unsubscribed(true);
    case 'absent':
      return unsubscribed(false);
    case 'outdated':
      return OUTDATED;
  }
}
