import type { Writable } from 'node:stream';
import type { Logger } from '@hikyaku/core';
import { isProviderError } from '@hikyaku/core';
import { TargetError } from '@hikyaku/engine';
import { isKubeError } from '@hikyaku/kube-client';
import { pino } from 'pino';
import type { Edge } from './edge.ts';
import type { GlobalOptions, LogLevel } from './global-options.ts';
import { hasColors } from './output/style.ts';

export interface LoggingOptions {
  readonly level: LogLevel;
  readonly stream: Writable;
  /** Lines for people instead of JSON. */
  readonly pretty: boolean;
  readonly colors: boolean;
}

/** The logger of a command: `level` where nobody has asked for another. */
export async function commandLogger(
  { logLevel, json = false }: GlobalOptions,
  { env }: Edge,
  stream: Edge['stderr'],
  level: LogLevel,
): Promise<Logger> {
  const pretty = stream.isTTY === true && !json;
  return await createLogger({ level: logLevel ?? level, stream, pretty, colors: hasColors(env, stream) });
}

/** JSON lines, or readable ones in a terminal. An error becomes its code and its message; of one that is not ours, which could quote anything, only the kind. */
export async function createLogger({ level, stream, pretty, colors }: LoggingOptions): Promise<Logger> {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    // `err` is what others call it; pino's own way with it would print everything.
    serializers: { error: serializeError, err: serializeError },
  };
  const logger: Logger = pino(options, pretty ? await prettyInto(stream, colors) : stream);
  return logger;
}

async function prettyInto(stream: Writable, colorize: boolean): Promise<Writable> {
  const { default: prettyStream } = await import('pino-pretty');
  return prettyStream({ destination: stream, colorize, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss' });
}

function serializeError(error: unknown): object {
  if (isProviderError(error) || error instanceof TargetError || isKubeError(error)) {
    return { code: error.code, message: error.message };
  }
  return { kind: error instanceof Error ? error.name : typeof error };
}
