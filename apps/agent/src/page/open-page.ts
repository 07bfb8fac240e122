import { systemClock } from '@hikyaku/core';
import type { CallOptions, Logger } from '@hikyaku/core';
import type { HttpServer } from '../daemon/http-server.ts';
import { UserError } from '../user-error.ts';
import { isLoopback } from './page-security.ts';
import { startPage } from './start-page.ts';
import type { PageOptions } from './start-page.ts';

export type OpenPageOptions = Omit<PageOptions, 'clock'> & { readonly logger: Logger };

/** The status page of `run`. Throws UserError where it may not listen there. */
export async function openPage({ logger, ...options }: OpenPageOptions, call: CallOptions): Promise<HttpServer> {
  const { host = '127.0.0.1', port: wanted } = options.address;
  const server = await startPage({ ...options, clock: systemClock }, call).catch((error: unknown) => {
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new UserError(`--page: port ${wanted} of ${host} cannot be used (${why}): choose another one`);
  });
  logger.info({ host, port: server.port }, 'showing the status page');
  if (!isLoopback(host))
    logger.warn(
      { host },
      'whoever reaches this address reads the status page, without a login: names, states and messages',
    );
  return server;
}
