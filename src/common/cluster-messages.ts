/** What one process of an instance tells another: there is a notification in the table that nobody has claimed. */
export const NOTIFICATION_ADDED = 'notification-added';
