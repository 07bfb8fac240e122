import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CallOptions, Clock } from '@hikyaku/core';
import { end, startHttpServer } from '../daemon/http-server.ts';
import type { HttpServer, ListenAddress } from '../daemon/http-server.ts';
import type { Vitals } from '../daemon/vitals.ts';
import type { StatusFeed } from '../status/status-feed.ts';
import type { LivePage } from './live-page.ts';
import { isOwnHost, SECURITY_HEADERS } from './page-security.ts';
import { RecentChanges } from './recent-changes.ts';

export interface PageOptions {
  /** Without a host: this machine alone. */
  readonly address: ListenAddress;
  /** The agent's own, for lines to copy. */
  readonly namespace: string;
  readonly feed: StatusFeed;
  readonly vitals: Pick<Vitals, 'ready' | 'election'>;
  readonly clock: Clock;
}

const LOOPBACK = '127.0.0.1';

/** The status page: it only shows. What draws it is loaded when somebody looks. Rejects where it may not listen there. */
export async function startPage(options: PageOptions, { signal }: CallOptions): Promise<HttpServer> {
  const { address, feed, clock } = options;
  const host = address.host ?? LOOPBACK;
  const changes = new RecentChanges(clock);
  const stop = feed.listen((said) => {
    if (said !== undefined) changes.note(said);
    else if (feed.build !== undefined) changes.config(feed.build(false).config);
  });
  let drawing: Promise<LivePage> | undefined;
  const draw = async (port: number) => {
    const { LivePage } = await import('./live-page.ts');
    return new LivePage({ ...options, port, changes }, { signal });
  };
  const server = await startHttpServer({ host, port: address.port }, async (request, response) => {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    if (refused(request, response, host)) return;
    drawing ??= draw(server.port);
    (await drawing).answer(request, response);
  }).catch((error: unknown) => {
    stop();
    throw error;
  });
  return {
    port: server.port,
    async [Symbol.asyncDispose]() {
      stop();
      await (await drawing)?.[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Answers by itself what is not for this page, or would do more than look. */
function refused({ headers, method }: IncomingMessage, response: ServerResponse, host: string): boolean {
  if (!isOwnHost(headers.host, host)) {
    end(response, 421, PLAIN, 'This page is reached as localhost or 127.0.0.1, or by the host given with --page.\n');
    return true;
  }
  if (method === 'GET' || method === 'HEAD') return false;
  end(response, 405, { ...PLAIN, allow: 'GET, HEAD' });
  return true;
}

const PLAIN = { 'content-type': 'text/plain; charset=utf-8' };
