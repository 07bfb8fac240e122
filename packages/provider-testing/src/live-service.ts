import { randomBytes } from 'node:crypto';
import { SecretValue, systemClock } from '@hikyaku/core';
import type { Provider } from '@hikyaku/core';
import type { CheckResult } from './check.ts';
import { FAULTS } from './faults.ts';
import type { Fault, Fixture, Need } from './fixture.ts';
import { LiveConnection, PATIENCE_MS } from './live-connection.ts';
import type { LiveConnectionOptions } from './live-connection.ts';
import { findSamples } from './live-samples.ts';
import type { LiveSamples } from './live-samples.ts';
import { runChecks } from './run-checks.ts';
import type { Without } from './run-checks.ts';

export interface LiveServiceOptions extends LiveConnectionOptions {
  /** A secret that is there; by default one that is made, or the first in a list. */
  readonly present?: string;
  /** Secrets whose names begin with `hikyaku-conformance-` may be made, changed and removed. */
  readonly write: boolean;
  /** Stops the checks; what was made is removed all the same. */
  readonly signal: AbortSignal;
}

/** A service in use, as a fixture: it is read, written to where that is allowed, and left as it was. */
export class LiveService implements AsyncDisposable {
  readonly #provider: Provider;
  readonly #options: LiveServiceOptions;
  readonly #connection: LiveConnection;
  readonly #prefix: string;
  readonly #samples: LiveSamples;

  private constructor(provider: Provider, options: LiveServiceOptions, { connection, prefix, samples }: Opened) {
    this.#provider = provider;
    this.#options = options;
    this.#connection = connection;
    this.#prefix = prefix;
    this.#samples = samples;
  }

  /** Asks the service for its names and makes what the checks need. Rejects with the provider's error when it does not answer. */
  static async open(provider: Provider, options: LiveServiceOptions): Promise<LiveService> {
    const connection = await LiveConnection.open(provider, options);
    // Different in each run, so that two at once do no harm.
    const prefix = `hikyaku-conformance-${randomBytes(4).toString('hex')}-`;
    const { present, write } = options;
    try {
      const samples = await findSamples(connection, { prefix, present, write });
      return new LiveService(provider, options, { connection, prefix, samples });
    } catch (error) {
      // It may have got as far as that.
      if (write) await removeAll(connection, prefix).catch(() => {});
      await connection[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** All checks but those of the provider object, which is not what is in question here. */
  async *check(): AsyncGenerator<CheckResult, void, void> {
    const { signal } = this.#options;
    const provider = this.#samples.mayWrite ? this.#provider : withoutWrites(this.#provider);
    const results = runChecks(provider, () => this.#openFixture(), { without: this.#without(), signal });
    for await (const result of results) if (!result.title.startsWith('provider: ')) yield result;
  }

  /** Removes what was made. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (this.#samples.mayWrite) await removeAll(this.#connection, this.#prefix);
    } finally {
      await this.#connection[Symbol.asyncDispose]();
    }
  }

  #openFixture(): Fixture {
    const { config, ca, credentials } = this.#options;
    const { present, pinned, mayWrite } = this.#samples;
    const prefix = this.#prefix;
    const connection = this.#connection;
    return {
      config,
      clock: systemClock,
      patienceMs: PATIENCE_MS,
      present,
      spareName: (number) => `${prefix}${number}`,
      all: () => connection.names(),
      ...(ca !== undefined && { ca }),
      ...(credentials && refusable(credentials)),
      ...(pinned && { pinned }),
      ...(mayWrite && {
        set: (name, value) => connection.write([{ name, value: SecretValue.of(value) }]),
        remove: (name) => connection.write([{ name, remove: true }]),
        names: ['a b', 'c/d', '..', '飛脚', '?e=1&f#g%41', '"h\\', 'x'.repeat(200)].map((end) => `${prefix}${end}`),
        binary: true,
        empty: true,
      }),
    };
  }

  #without(): Without {
    const reasons = new Map<Need, string>();
    if (this.#samples.pinned === undefined) reasons.set('pinned', 'the service gave no older version');
    const onDemand = (Object.keys(FAULTS) as Fault[]).filter((fault) => fault !== 'unauthenticated');
    for (const need of ['unreadable', 'rotate', ...onDemand.map((fault) => `faults.${fault}` as const)] as const)
      reasons.set(need, 'a service in use does not fail on demand');
    reasons.set('requests', 'its requests are not counted here');
    reasons.set('largest', 'how much it takes is not known');
    if (this.#options.credentials === undefined)
      reasons.set('faults.unauthenticated', 'there is no credential that could be refused');
    if (!this.#samples.mayWrite) {
      const reason = this.#options.write ? 'the service does not offer writes' : 'writes were not allowed';
      for (const need of ['write', 'set', 'remove', 'pinned', 'names', 'binary', 'empty'] as const)
        reasons.set(need, reason);
    }
    return Object.fromEntries(reasons);
  }
}

interface Opened {
  readonly connection: LiveConnection;
  readonly prefix: string;
  readonly samples: LiveSamples;
}

/** Credentials that can be turned into wrong ones, which is a fault that every service has. */
function refusable(credentials: Readonly<Record<string, string>>): Pick<Fixture, 'credentials' | 'faults' | 'recover'> {
  let wrong = false;
  return {
    credentials: Object.fromEntries(
      Object.entries(credentials).map(([path, text]) => [path, () => (wrong ? `${text}-refused` : text)]),
    ),
    faults: {
      unauthenticated() {
        wrong = true;
      },
    },
    recover() {
      wrong = false;
    },
  };
}

/** Not allowed means not possible, whatever a check does. */
function withoutWrites(provider: Provider): Provider {
  return {
    ...provider,
    async connect(config, context) {
      const client = await provider.connect(config, context);
      const list = client.list?.bind(client);
      const watch = client.watch?.bind(client);
      const close = client[Symbol.asyncDispose]?.bind(client);
      return {
        read: (request) => client.read(request),
        ...(list && { list }),
        ...(watch && { watch }),
        ...(close && { [Symbol.asyncDispose]: close }),
      };
    },
  };
}

async function removeAll(connection: LiveConnection, prefix: string): Promise<void> {
  const made = (await connection.names()).filter((name) => name.startsWith(prefix));
  await connection.write(made.map((name) => ({ name, remove: true })));
}
