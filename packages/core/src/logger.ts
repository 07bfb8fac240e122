/**
 * A structured logger; pino fits. Fields first, then a constant lower-case message without interpolation. The same thing has
 * the same field everywhere: `source`, `secret` (`namespace/name`), `key`, `error`.
 */
export interface Logger {
  trace(fields: LogFields, message: string): void;
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

export type LogFields = Readonly<Record<string, unknown>>;
