import { generateKeyPairSync } from 'node:crypto';
import { systemClock } from '@hikyaku/core';
import type { CallOptions, Clock, ReadRequest, SecretsClient, Snapshot } from '@hikyaku/core';
import { createContext } from '@hikyaku/provider-testing';
import type { ContextOptions, TestContext } from '@hikyaku/provider-testing';
import sakura from './index.ts';
import { sakuraConfig } from './sakura-config.ts';
import { startFakeSakura } from './testing/index.ts';
import type { FakeApiKey, FakeSakura, FakeSakuraOptions } from './testing/index.ts';

export { settled } from '@hikyaku/provider-utils/testing';

/** Of a cluster, in PEM. */
export interface ClusterKey {
  readonly publicKey: string;
  readonly privateKey: string;
}

export const VALUE = 'correct-horse-battery';

export interface Connection {
  readonly client: SecretsClient;
  readonly read: (request?: Partial<ReadRequest>) => Promise<Snapshot>;
  /** What was handed over on the way, oldest first. */
  readonly partials: readonly Snapshot[];
  readonly context: TestContext;
}

export interface ConnectOptions {
  readonly config?: object;
  readonly credentials?: ContextOptions['credentials'];
  readonly budget?: (account: string, perMinute: number, options: CallOptions) => Promise<void>;
  readonly ca?: string;
  readonly cluster?: string | undefined;
  readonly signingKey?: string;
  /** That of the world by default. */
  readonly clock?: Clock;
}

/** A fake SAKURA with one vault, and clients that open it. */
export class World implements AsyncDisposable {
  readonly fake: FakeSakura;
  readonly vault: string;
  readonly key: FakeApiKey;
  readonly #clock: Clock;
  readonly #opened = new AsyncDisposableStack();

  private constructor(fake: FakeSakura, clock: Clock, secrets: Readonly<Record<string, string>>) {
    this.fake = this.#opened.use(fake);
    this.#clock = clock;
    this.vault = fake.addVault({ secrets });
    this.key = fake.addKey();
  }

  static async start(
    options: FakeSakuraOptions & { readonly secrets?: Readonly<Record<string, string>> } = {},
  ): Promise<World> {
    const { clock = systemClock, secrets = { PASSWORD: VALUE, 'db/url': 'postgres://db' } } = options;
    return new World(await startFakeSakura(options), clock, secrets);
  }

  async connect({
    config = {},
    credentials,
    budget,
    ca,
    cluster,
    signingKey,
    clock = this.#clock,
  }: ConnectOptions = {}): Promise<Connection> {
    const settings = sakuraConfig.parse({ vault: this.vault, url: this.fake.url, ...config });
    const context = this.#opened.use(
      createContext({
        clock,
        origins: sakura.describe(settings).origins,
        credentials: { ...this.key, ...credentials },
        ...(ca !== undefined && { ca }),
        ...(cluster !== undefined && { cluster }),
        ...(signingKey !== undefined && { signingKey }),
      }),
    );
    const client = await sakura.connect(settings, { ...context, ...(budget && { budget }) });
    const partials: Snapshot[] = [];
    return {
      client,
      read: (request) =>
        client.read({
          all: true,
          refs: [],
          signal: AbortSignal.timeout(30_000),
          progress: (partial) => void partials.push(partial),
          ...request,
        }),
      partials,
      context,
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#opened.disposeAsync();
  }
}

export function clusterKey(modulusLength = 2048): ClusterKey {
  return generateKeyPairSync('rsa', {
    modulusLength,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}

export function many(count: number): Readonly<Record<string, string>> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`S${index}`, `value of ${index}`]));
}

export function texts({ secrets }: Snapshot): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries([...secrets].map(([id, { value }]) => [id, value.text()]));
}

export function codes({ unknown = new Map() }: Snapshot): Readonly<Record<string, string>> {
  return Object.fromEntries([...unknown].map(([id, error]) => [id, error.code]));
}

/** What comes back from a restart: the same data in new objects. */
export function stored(snapshot: Snapshot): Snapshot {
  return {
    secrets: new Map([...snapshot.secrets].map(([id, secret]) => [id, { ...secret }])),
    ...(snapshot.unknown && { unknown: new Map(snapshot.unknown) }),
  };
}

/** A budget that never lets more than `perMinute` through in any 60 s, shared by all who are given it. */
export function slidingBudget(clock: Clock): NonNullable<ConnectOptions['budget']> {
  const passed = new Map<string, number[]>();
  let turn = Promise.resolve();
  return (account, perMinute, { signal }) => {
    const mine = turn.then(async () => {
      const times = passed.get(account) ?? [];
      passed.set(account, times);
      for (;;) {
        signal.throwIfAborted();
        const oldest = times.at(-perMinute);
        const waitMs = oldest === undefined ? 0 : oldest + 60_000 - clock.monotonic();
        if (waitMs <= 0) break;
        await clock.sleep(waitMs, { signal });
      }
      times.push(clock.monotonic());
    });
    turn = mine.catch(() => {});
    return mine;
  };
}
