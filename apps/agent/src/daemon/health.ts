import type { MetricsText } from '../metrics/metrics-text.ts';
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
  readonly metrics: () => Promise<MetricsText>;
}

interface Answer extends MetricsText {
  readonly status: 200 | 503;
}

/** `/healthz` and `/readyz`, for probes: 200, or 503 with what is wrong; and `/metrics`, for Prometheus. */
export async function startHealth({ address, live, ready, metrics }: HealthOptions): Promise<HttpServer> {
  const answers = new Map<string, () => Answer | Promise<Answer>>([
    ['/healthz', () => answerOf(live())],
    ['/readyz', () => answerOf(ready())],
    ['/metrics', async () => ({ status: 200, ...(await metrics()) })],
  ]);
  return await startHttpServer(address, async ({ method = '', url = '' }, response) => {
    // Who scrapes may be told to add parameters.
    const answer = answers.get(url.replace(/\?.*$/, ''));
    if (answer === undefined) return end(response, 404);
    if (method !== 'GET' && method !== 'HEAD') return end(response, 405, { allow: 'GET, HEAD' });
    const { status, type, body } = await answer();
    return end(response, status, { 'content-type': type, 'x-content-type-options': 'nosniff' }, body);
  });
}

function answerOf(ailments: Ailments): Answer {
  const type = 'text/plain; charset=utf-8';
  return ailments.length === 0
    ? { status: 200, type, body: 'ok\n' }
    : { status: 503, type, body: `${ailments.join('\n')}\n` };
}
