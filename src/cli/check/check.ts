/** What was looked at and how it is. `off`: not configured, which is the operator's choice. */
export interface Check {
  name: string;
  status: 'ok' | 'warning' | 'failed' | 'off';
  /** One sentence for the operator; never a value of the configuration that is secret. */
  detail: string;
}
