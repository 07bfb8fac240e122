import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { KubeError } from './kube-error.ts';
import type { KubeErrorCode } from './kube-error.ts';
import type { KubeClient, WatchEvent } from './kube-client.ts';
import { LeaderElection } from './leader-election.ts';
import type { LeaderElectionOptions } from './leader-election.ts';
import type { LeaseObject } from './objects.ts';

type Client = LeaderElectionOptions['client'];

const LEASE_MS = 1_000;

/** One Lease, as an API server keeps it: every write needs the resourceVersion that is there. */
class LeaseServer {
  lease: LeaseObject = { metadata: { namespace: 'hikyaku', name: 'hikyaku', resourceVersion: '1' } };
  writes = 0;
  readonly #watchers = new Set<() => void>();

  /** A connection of one candidate, which can be cut. */
  connect(): { readonly client: Client; fail: KubeErrorCode | undefined; watches: boolean } {
    const connection = {
      client: undefined as unknown as Client,
      fail: undefined as KubeErrorCode | undefined,
      watches: true,
    };
    const check = () => {
      if (connection.fail !== undefined) throw new KubeError(connection.fail, 'cut');
    };
    const leases: Partial<KubeClient['leases']> = {
      get: async () => {
        check();
        return this.lease;
      },
      replace: async (object) => {
        check();
        if (object.metadata.resourceVersion !== this.lease.metadata.resourceVersion)
          throw new KubeError('CONFLICT', 'no');
        this.writes++;
        const resourceVersion = String(Number(this.lease.metadata.resourceVersion) + 1);
        this.lease = { ...object, metadata: { ...object.metadata, resourceVersion } };
        for (const notify of this.#watchers) notify();
        return { uid: 'u', resourceVersion };
      },
    };
    const watch = (_: string, { signal }: { readonly signal: AbortSignal }) =>
      this.#watch(signal, () => connection.watches);
    connection.client = { leases, watch } as unknown as Client;
    return connection;
  }

  async *#watch(signal: AbortSignal, isOn: () => boolean): AsyncGenerator<WatchEvent> {
    for (;;) {
      const object = this.lease;
      if (isOn()) yield { type: 'MODIFIED', object };
      await new Promise<void>((resolve, reject) => {
        this.#watchers.add(resolve);
        signal.addEventListener('abort', () => reject(signal.reason));
      });
    }
  }
}

const stops: AbortController[] = [];
afterEach(() => stops.splice(0).forEach((stop) => stop.abort()));

function candidate(server: LeaseServer, name: string, more: Partial<LeaderElectionOptions> = {}) {
  const connection = server.connect();
  const stop = new AbortController();
  stops.push(stop);
  const { client } = connection;
  const election = new LeaderElection({
    client,
    namespace: 'hikyaku',
    name: 'hikyaku',
    candidate: name,
    leaseMs: LEASE_MS,
    ...more,
  });
  const terms: string[] = [];
  const ended = election.run(
    async (signal) => {
      terms.push('began');
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      terms.push('ended');
    },
    { signal: stop.signal },
  );
  ended.catch(() => {});
  return { connection, election, terms, stop, ended };
}

async function untilLeads(...elections: readonly LeaderElection[]): Promise<number> {
  const startedAt = performance.now();
  while (!elections.every(({ isLeading }) => isLeading)) await sleep(5);
  return performance.now() - startedAt;
}

test('a Lease without a holder is taken at once, and the others wait', async () => {
  const server = new LeaseServer();
  const a = candidate(server, 'a');
  expect(await untilLeads(a.election)).toBeLessThan(LEASE_MS / 2);
  const b = candidate(server, 'b');
  await sleep(LEASE_MS * 2);
  expect([a.election.isLeading, b.election.isLeading, b.election.leader, b.terms.length]).toEqual([
    true,
    false,
    'a',
    0,
  ]);
  expect(server.lease.spec).toMatchObject({ holderIdentity: 'a', leaseDurationSeconds: 1, leaseTransitions: 1 });
});

test('after a crash another one leads within one lease, and not before the old one has stopped', async () => {
  const server = new LeaseServer();
  const a = candidate(server, 'a');
  await untilLeads(a.election);
  const b = candidate(server, 'b');
  await sleep(100);
  a.connection.fail = 'UNAVAILABLE';
  const cutAt = performance.now();
  while (!b.election.isLeading) {
    if (performance.now() - cutAt > LEASE_MS * 3) throw new Error('nobody leads');
    await sleep(5);
  }
  expect(a.election.isLeading).toBe(false);
  expect(a.terms).toEqual(['began', 'ended']);
  // From the last sign of life, and one look later.
  expect(performance.now() - cutAt).toBeLessThan(LEASE_MS * 1.5);
  expect(server.lease.spec?.leaseTransitions).toBe(2);
});

test('a clean stop hands over at once', async () => {
  const server = new LeaseServer();
  const a = candidate(server, 'a');
  await untilLeads(a.election);
  const b = candidate(server, 'b');
  await sleep(100);
  a.stop.abort(new Error('stopped'));
  await expect(a.ended).rejects.toThrow('stopped');
  expect(await untilLeads(b.election)).toBeLessThan(LEASE_MS / 4);
  expect(a.terms).toEqual(['began', 'ended']);
});

test('without a watch it is still handed over', async () => {
  const server = new LeaseServer();
  const a = candidate(server, 'a');
  await untilLeads(a.election);
  const b = candidate(server, 'b');
  b.connection.watches = false;
  await sleep(100);
  a.stop.abort(new Error('stopped'));
  expect(await untilLeads(b.election)).toBeLessThan(LEASE_MS);
});

test('of many that begin together one leads', async () => {
  const server = new LeaseServer();
  const all = Array.from({ length: 8 }, (_, index) => candidate(server, `candidate-${index}`));
  await sleep(LEASE_MS / 2);
  expect(all.filter(({ election }) => election.isLeading)).toHaveLength(1);
});

test('a leader whose process slept knows by itself that it leads no more', async () => {
  const server = new LeaseServer();
  let sleptMs = 0;
  const a = candidate(server, 'a', { monotonic: () => performance.now() + sleptMs });
  await untilLeads(a.election);
  sleptMs = LEASE_MS;
  expect(a.election.isLeading).toBe(false);
  await expect.poll(() => a.terms).toContain('ended');
});

test('a wall clock that is wrong by years changes nothing', async () => {
  const server = new LeaseServer();
  const a = candidate(server, 'a', { now: () => 0 });
  await untilLeads(a.election);
  const b = candidate(server, 'b', { now: () => Date.UTC(2040, 0) });
  await sleep(LEASE_MS * 1.5);
  expect([a.election.isLeading, b.election.isLeading]).toEqual([true, false]);
});

test('who was deposed, by hand for example, stops at the next renewal', async () => {
  const server = new LeaseServer();
  const a = candidate(server, 'a');
  await untilLeads(a.election);
  const spec = { holderIdentity: 'somebody', leaseDurationSeconds: 60 };
  server.lease = { metadata: { ...server.lease.metadata, resourceVersion: '99' }, spec };
  await expect.poll(() => a.terms).toEqual(['began', 'ended']);
  expect(a.election.leader).toBe('somebody');
});

test('a Lease that nobody may touch is said, and nobody leads', async () => {
  const server = new LeaseServer();
  const errors: string[] = [];
  const a = candidate(server, 'a', { onError: ({ code }) => errors.push(code) });
  a.connection.fail = 'FORBIDDEN';
  await expect.poll(() => errors).toContain('FORBIDDEN');
  expect(a.election.isLeading).toBe(false);
});

test('what keeps it from the Lease is said once, and again after it was well', async () => {
  const server = new LeaseServer();
  const errors: string[] = [];
  const a = candidate(server, 'a', { onError: ({ code }) => errors.push(code) });
  a.connection.fail = 'NOT_FOUND';
  await sleep(LEASE_MS / 2);
  a.connection.fail = undefined;
  await untilLeads(a.election);
  expect(errors).toEqual(['NOT_FOUND']);
  a.connection.fail = 'UNAVAILABLE';
  await expect.poll(() => a.terms).toEqual(['began', 'ended']);
  expect(errors).toEqual(['NOT_FOUND', 'UNAVAILABLE']);
});

test('an answer that does not come does not keep it from stopping in time', async () => {
  const server = new LeaseServer();
  const a = candidate(server, 'a');
  await untilLeads(a.election);
  const leases: Partial<KubeClient['leases']> = {
    get: (_namespace, _name, { signal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  };
  Object.assign(a.connection.client.leases, leases);
  const cutAt = performance.now();
  await expect.poll(() => a.terms, { interval: 5 }).toEqual(['began', 'ended']);
  expect(performance.now() - cutAt).toBeLessThan(LEASE_MS * 0.75);
});

test('what the leader fails with ends it, and the Lease is free again', async () => {
  const server = new LeaseServer();
  const { client } = server.connect();
  const election = new LeaderElection({
    client,
    namespace: 'hikyaku',
    name: 'hikyaku',
    candidate: 'a',
    leaseMs: LEASE_MS,
  });
  const failing = election.run(() => Promise.reject(new Error('a bug')), { signal: new AbortController().signal });
  await expect(failing).rejects.toThrow('a bug');
  expect(server.lease.spec?.holderIdentity).toBe('');
});
