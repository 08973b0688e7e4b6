import { hash } from 'node:crypto';

/** Accounts 0 to `accounts`-1, of which every ninth has two phones on Android and each other one. */
export interface Subscribers {
  readonly accounts: number;
}

const EVERY_NTH_HAS_TWO = 9;
/** Hexadecimal digits of an account's number, which its tokens begin with. */
const NUMBER_DIGITS = 8;

/** As many as come next to so many subscriptions. */
export const subscribersOf = (subscriptions: number): Subscribers => ({
  accounts: Math.max(1, Math.round((subscriptions * EVERY_NTH_HAS_TWO) / (EVERY_NTH_HAS_TWO + 1))),
});

export const subscriptionCountOf = ({ accounts }: Subscribers): number =>
  accounts + Math.ceil(accounts / EVERY_NTH_HAS_TWO);

// As with the ids of the legacy API, everything follows from the number.
/** 33 bytes. */
export const accountOf = (number: number): Buffer => Buffer.from(`05${hash('sha256', `account ${number}`)}`, 'hex');

/** Tokens of FCM, by which a gateway knows whose pushes come: what is in them is sealed. */
export function tokensOf(number: number): string[] {
  return Array.from({ length: phoneCountOf(number) }, (_, phone) => {
    const digest = hash('sha256', `phone ${number} ${phone}`);
    return `${number.toString(16).padStart(NUMBER_DIGITS, '0')}${digest.slice(0, 14)}:APA91b${digest.repeat(2)}`;
  });
}

export const phoneCountOf = (number: number): number => (number % EVERY_NTH_HAS_TWO === 0 ? 2 : 1);

/** The account's number. */
export const numberOf = (token: string): number => Number.parseInt(token.slice(0, NUMBER_DIGITS), 16);
