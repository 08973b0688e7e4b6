import { describe, expect, it } from 'vitest';
import { CertificateReminders } from './certificate-reminders.js';

const END = Date.UTC(2030, 0, 31);

describe('CertificateReminders', () => {
  it('reminds 30, 7 and 1 days before the end, and when it is over', () => {
    const reminders = new CertificateReminders();
    const days = Array.from({ length: 45 }, (_, index) => 40 - index);
    expect(days.filter((daysLeft) => reminders.isDue('apns', END, daysLeft))).toEqual([30, 7, 1, -1]);
  });

  it('reminds at once when the server starts late', () => {
    const reminders = new CertificateReminders();
    expect([12, 11].map((daysLeft) => reminders.isDue('apns', END, daysLeft))).toEqual([true, false]);
  });

  it('begins anew with a new certificate', () => {
    const reminders = new CertificateReminders();
    expect(reminders.isDue('apns', END, 3)).toBe(true);
    expect(reminders.isDue('apns', END + 1, 3)).toBe(true);
    expect(reminders.isDue('fcm', END, 3)).toBe(true);
  });
});
