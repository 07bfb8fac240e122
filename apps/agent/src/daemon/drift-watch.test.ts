import type { CallOptions, Logger } from '@hikyaku/core';
import { FakeClock } from '@hikyaku/core/testing';
import type { InventoryEntry, SecretId } from '@hikyaku/engine';
import { KubeError } from '@hikyaku/kube-client';
import type { KubeObject, WatchEvent } from '@hikyaku/kube-client';
import { expect, test } from 'vitest';
import { DriftWatch } from './drift-watch.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** An API server that tells rights and what is written into it. */
class Server {
  readonly asked: string[] = [];
  readonly watches = new Map<SecretId, (event: WatchEvent) => void>();
  /** By namespace. */
  readonly allowed = new Map<string, readonly string[]>();
  sharesWatches: boolean | undefined = undefined;
  shares = true;
  most = 0;

  readonly client = {
    server: this,
    get sharesWatches() {
      return this.server.sharesWatches;
    },
    request: async (_method: string, _path: string, { body }: { readonly body?: unknown }) => {
      const { namespace } = (body as { readonly spec: { readonly namespace: string } }).spec;
      this.asked.push(namespace);
      const resourceNames = this.allowed.get(namespace) ?? [];
      const rule = { verbs: ['watch'], apiGroups: [''], resources: ['secrets'], resourceNames };
      return { status: 201, body: { status: { resourceRules: resourceNames.length > 0 ? [rule] : [] } } };
    },
    watch: <T extends KubeObject>(path: string, { query, signal, accept }: WatchArguments) => {
      const namespace = path.split('/')[4] ?? '';
      const name = String(query?.['fieldSelector']).slice('metadata.name='.length);
      if (accept?.includes('PartialObjectMetadata') !== true) throw new Error('it would be sent values');
      return this.#events(`${namespace}/${name}`, signal) as AsyncIterable<WatchEvent<T>>;
    },
  };

  async *#events(id: SecretId, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const [namespace = '', name = ''] = id.split('/');
    if (this.allowed.get(namespace)?.includes(name) !== true) throw new KubeError('FORBIDDEN', 'no');
    let ring = () => {};
    const events: (WatchEvent | 'end')[] = [];
    this.watches.set(id, (event) => {
      events.push(event);
      ring();
    });
    this.sharesWatches = this.shares;
    this.most = Math.max(this.most, this.watches.size);
    signal.addEventListener('abort', () => ring());
    try {
      yield { type: 'ADDED', object: { metadata: { name, resourceVersion: '1' } } };
      for (;;) {
        signal.throwIfAborted();
        const event = events.shift();
        if (event === 'end') return;
        if (event !== undefined) yield event;
        else await new Promise<void>((resolve) => (ring = resolve));
        if (this.allowed.get(namespace)?.includes(name) !== true) throw new KubeError('FORBIDDEN', 'no more');
      }
    } finally {
      this.watches.delete(id);
    }
  }
}

interface WatchArguments extends CallOptions {
  readonly query?: Readonly<Record<string, unknown>> | undefined;
  readonly accept?: string | undefined;
}

interface World {
  readonly server: Server;
  readonly clock: FakeClock;
  readonly drifted: SecretId[];
  readonly said: unknown[];
  readonly drift: DriftWatch;
  wanted: readonly SecretId[];
}

async function withDriftWatch(
  wanted: readonly SecretId[],
  server: Server,
  body: (world: World) => Promise<void>,
): Promise<void> {
  const clock = new FakeClock();
  const drifted: SecretId[] = [];
  const said: unknown[] = [];
  const logger: Logger = {
    trace: () => {},
    debug: (fields, message) => void (message.startsWith('more') && said.push([message, fields])),
    info: (fields, message) => void said.push([message, fields]),
    warn: () => {},
    error: () => {},
  };
  const entry = {
    uid: 'uid',
    resourceVersion: '1',
    keys: new Map(),
    existing: 'refuse',
    whenRemoved: 'delete',
  } as const;
  const drift = new DriftWatch({
    client: server.client,
    wanted: () => world.wanted,
    entries: () => new Map(world.wanted.map((id): [SecretId, InventoryEntry] => [id, { id, ...entry }])),
    onDrift: (ids) => void drifted.push(...ids),
    logger,
    clock,
    random: () => 0.5,
  });
  const world: World = { server, clock, drifted, said, drift, wanted };
  const stop = new AbortController();
  const ended = drift.run({ signal: stop.signal });
  try {
    await clock.advance(0);
    await body(world);
  } finally {
    stop.abort();
    await ended;
  }
  expect(server.watches.size).toBe(0);
}

function names(count: number, namespace = 'web'): readonly SecretId[] {
  return Array.from({ length: count }, (_, index) => `${namespace}/s${index}`);
}

function changed(resourceVersion = '2'): WatchEvent {
  return { type: 'MODIFIED', object: { metadata: { name: 'x', resourceVersion } } };
}

test('of 1,000 Secrets in one namespace without rights it is asked a few times an hour', async () => {
  await withDriftWatch(names(1_000), new Server(), async ({ server, clock }) => {
    expect(server.asked).toEqual(['web']);
    await clock.advance(HOUR);
    expect(server.asked).toHaveLength(1 + 8); // after 10, 20, 40, 80, 160, 320, 640 and 1,280 s
    await clock.advance(24 * HOUR);
    expect(server.asked.length).toBeLessThanOrEqual(1 + 9 + 24);
    expect(server.watches.size).toBe(0);
  });
});

test('in 1,000 namespaces never more than once in two seconds, but for the start', async () => {
  const wanted = Array.from({ length: 1_000 }, (_, index) => `n${index}/app`);
  await withDriftWatch(wanted, new Server(), async ({ server, clock }) => {
    await clock.advance(MINUTE);
    expect(server.asked).toHaveLength(1_000);
    for (let hour = 0; hour < 3; hour++) {
      const before = server.asked.length;
      await clock.advance(HOUR);
      expect(server.asked.length - before).toBeLessThanOrEqual(2_000);
    }
  });
}, 60_000);

test('a right that an owner gives later is noticed, and one that is taken away is not fought for', async () => {
  const server = new Server();
  await withDriftWatch(names(3), server, async ({ clock, said, drifted }) => {
    server.allowed.set('web', ['s0', 's1']);
    await clock.advance(10_200);
    expect([...server.watches.keys()]).toEqual(['web/s0', 'web/s1']);
    server.watches.get('web/s1')?.(changed());
    await clock.advance(100);
    expect(drifted).toEqual(['web/s1']);
    server.allowed.set('web', ['s0']);
    const before = server.asked.length;
    server.watches.get('web/s1')?.(changed('3'));
    await clock.advance(1_000);
    expect([...server.watches.keys()]).toEqual(['web/s0']);
    await clock.advance(HOUR);
    expect(server.asked.length - before).toBeLessThanOrEqual(9);
    expect(said).toEqual([
      ['drift watched', { secrets: 2, of: 3 }],
      ['drift watched', { secrets: 1, of: 3 }],
    ]);
  });
});

test('an API server that has just started forbids everything, and is asked again soon', async () => {
  const server = new Server();
  server.allowed.set('web', ['s0', 's1']);
  await withDriftWatch(names(3), server, async ({ clock }) => {
    await clock.advance(2 * HOUR);
    server.allowed.clear();
    server.watches.get('web/s0')?.(changed('1'));
    server.watches.get('web/s1')?.(changed('1'));
    await clock.advance(1_000);
    expect(server.watches.size).toBe(0);
    server.allowed.set('web', ['s0', 's1']);
    await clock.advance(10_000);
    expect(server.watches.size).toBe(2);
  });
});

test('another config stops what it does not want and asks for what is new at once', async () => {
  const server = new Server();
  server.allowed.set('web', ['s0', 's1']);
  server.allowed.set('db', ['s0']);
  await withDriftWatch(names(2), server, async (world) => {
    await world.clock.advance(200);
    expect([...server.watches.keys()]).toEqual(names(2));
    world.wanted = ['web/s1', 'db/s0'];
    world.drift.wantedChanged();
    await world.clock.advance(200);
    expect([...server.watches.keys()].toSorted()).toEqual(['db/s0', 'web/s1']);
    expect(server.asked).toEqual(['web', 'db']);
  });
});

test('500 watches are opened 20 at a time', async () => {
  const server = new Server();
  server.allowed.set(
    'web',
    Array.from({ length: 500 }, (_, index) => `s${index}`),
  );
  await withDriftWatch(names(500), server, async ({ clock, said }) => {
    expect(server.watches.size).toBeLessThanOrEqual(20);
    await clock.advance(1_000);
    expect(server.watches.size).toBeLessThanOrEqual(220);
    await clock.advance(3_000);
    expect(server.watches.size).toBe(500);
    expect(said).toEqual([['drift watched', { secrets: 500, of: 500 }]]);
  });
});

test('where each watch takes a connection there are ten, and the log says so', async () => {
  const server = new Server();
  server.shares = false;
  server.allowed.set(
    'web',
    Array.from({ length: 50 }, (_, index) => `s${index}`),
  );
  await withDriftWatch(names(50), server, async ({ clock, said }) => {
    await clock.advance(HOUR);
    expect(server.most).toBe(10);
    expect(said).toEqual([
      ['more Secrets could be watched for drift than connections allow', { secrets: 10, left: 40 }],
      ['drift watched', { secrets: 10, of: 50 }],
    ]);
  });
});
