import { end, startHttpServer } from './http-server.ts';
import type { HttpServer, ListenAddress } from './http-server.ts';

/** What keeps it from being so, a line each; none when it is. */
export type Ailments = readonly string[];

export interface HealthOptions {
  readonly address: ListenAddress;
  /** Not live: only a restart helps. */
  readonly live: () => Ailments;
  /** Not ready: not everything was synced once. */
  readonly ready: () => Ailments;
}

/** `/healthz` and `/readyz`, for probes: 200, or 503 with what is wrong. */
export async function startHealth({ address, live, ready }: HealthOptions): Promise<HttpServer> {
  const answers = new Map([
    ['/healthz', live],
    ['/readyz', ready],
  ]);
  return await startHttpServer(address, async ({ method = '', url = '' }, response) => {
    const ailments = answers.get(url)?.();
    if (ailments === undefined) return end(response, 404);
    if (method !== 'GET' && method !== 'HEAD') return end(response, 405, { allow: 'GET, HEAD' });
    const isWell = ailments.length === 0;
    const type = { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' };
    return end(response, isWell ? 200 : 503, type, isWell ? 'ok\n' : `${ailments.join('\n')}\n`);
  });
}
