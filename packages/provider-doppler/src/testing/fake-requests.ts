import type { IncomingMessage } from 'node:http';
import { hideCredential } from '@hikyaku/provider-utils/testing';

export interface FakeDopplerRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** With `[token]` in the place of a credential. */
  readonly headers: Readonly<Record<string, string>>;
  /** 0 when no whole answer was sent. */
  readonly status: number;
}

export interface FakeDopplerCounters {
  readonly requests: number;
  /** Downloads with values in them. */
  readonly downloads200: number;
  readonly notModified304: number;
  /** Answers of 400 and more, and those that were not sent whole. */
  readonly errors: number;
  /** Distinct connections that sent at least one request. */
  readonly connections: number;
  readonly byPath: Readonly<Record<string, number>>;
}

/** Without its status. */
export function recordOf(request: IncomingMessage, url: URL): Omit<FakeDopplerRequest, 'status'> {
  return {
    method: request.method ?? 'GET',
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: hideCredential(request.headers, '[token]'),
  };
}

/** What the recorded requests add up to. */
export function countRequests(requests: readonly FakeDopplerRequest[], connections: number): FakeDopplerCounters {
  const byPath: Record<string, number> = {};
  for (const { path } of requests) byPath[path] = (byPath[path] ?? 0) + 1;
  return {
    requests: requests.length,
    downloads200: requests.filter(({ path, status }) => status === 200 && path.endsWith('/secrets/download')).length,
    notModified304: requests.filter(({ status }) => status === 304).length,
    errors: requests.filter(({ status }) => status === 0 || status >= 400).length,
    connections,
    byPath,
  };
}
