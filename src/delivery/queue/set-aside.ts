import { Logger } from '@nestjs/common';
import { type OperatorEvents } from '../../operator/operator-events.js';

/** An item that so many processes crashed on is set aside. */
export const MAX_DEATHS = 3;

const logger = new Logger('NotificationQueue');

/** An item that so many processes crashed on is not tried again, and the operator is told. */
export function tellSetAside(count: number, events: OperatorEvents): void {
  if (count === 0) return;
  logger.error({ msg: 'notifications are set aside: the server died three times while it worked on them', count });
  events.emit({ kind: 'set-aside', count });
}
