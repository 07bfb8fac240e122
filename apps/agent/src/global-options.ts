/** What every command understands, as commander gives it. */
export interface GlobalOptions {
  readonly config: string;
  readonly context?: string;
  readonly kubeconfig?: string;
  readonly namespace?: string;
  readonly logLevel?: LogLevel;
  readonly json?: boolean;
}

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The agent's own namespace where nobody says otherwise. */
export const DEFAULT_NAMESPACE = 'hikyaku';
