/** What a request is for, by method and path. */
export type FakeOperation = 'list' | 'unveil' | 'write' | 'remove' | 'vaults' | 'vault' | 'token' | 'other';

export interface FakeSakuraRequest {
  readonly operation: FakeOperation;
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** With `[key]` in the place of a credential. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of the secret that it is about. */
  readonly secret?: string;
  /** 0 when no whole answer was sent. */
  readonly status: number;
}

export interface FakeSakuraCounters {
  readonly requests: number;
  readonly lists: number;
  readonly unveils: number;
  /** Secrets created, updated and deleted. */
  readonly changes: number;
  /** Access tokens asked for; they are none of the quota. */
  readonly tokens: number;
  /** Refused with 429. */
  readonly throttled: number;
  /** Answers of 400 and more, and those that were not sent whole. */
  readonly errors: number;
  /** Distinct connections that sent at least one request. */
  readonly connections: number;
  /** The most requests that came in any 60 s by the fake's clock. */
  readonly busiestMinute: number;
}

/** Paths without the base. */
export function operationOf(method: string, path: string): FakeOperation {
  const [, vaults, id, secrets, unveil, more] = path.replace(/^\/secretmanager/, '').split('/');
  if (vaults !== 'vaults' || more !== undefined) return 'other';
  if (id === undefined) return 'vaults';
  if (secrets === undefined) return 'vault';
  if (secrets !== 'secrets') return 'other';
  if (unveil !== undefined) return method === 'POST' && unveil === 'unveil' ? 'unveil' : 'other';
  switch (method) {
    case 'GET':
      return 'list';
    case 'POST':
      return 'write';
    case 'DELETE':
      return 'remove';
    default:
      return 'other';
  }
}

/** What the recorded requests add up to. */
export function countRequests(
  requests: readonly FakeSakuraRequest[],
): Omit<FakeSakuraCounters, 'connections' | 'busiestMinute'> {
  const count = (fits: (request: FakeSakuraRequest) => boolean) => requests.filter(fits).length;
  return {
    requests: requests.length,
    lists: count(({ operation }) => operation === 'list'),
    unveils: count(({ operation }) => operation === 'unveil'),
    changes: count(({ operation }) => operation === 'write' || operation === 'remove'),
    tokens: count(({ operation }) => operation === 'token'),
    throttled: count(({ status }) => status === 429),
    errors: count(({ status }) => status === 0 || status >= 400),
  };
}
