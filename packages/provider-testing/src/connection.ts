import type {
  ReadRequest,
  SecretChange,
  SecretInfo,
  SecretsClient,
  Snapshot,
  SourceDescription,
  WriteResult,
} from '@hikyaku/core';
import { ContractFailure } from './contract-failure.ts';
import type { TestContext } from './create-context.ts';
import type { Pace, Settled } from './settle.ts';
import type { Trial } from './trial.ts';

export type Outcome<T> = Exclude<Settled<T>, 'pending'>;

interface ConnectionOptions {
  readonly client: SecretsClient;
  readonly context: TestContext;
  readonly description: SourceDescription;
  readonly trial: Trial;
}

/** A client of the provider, called as the agent calls it, with time moved on while it works. */
export class Connection implements AsyncDisposable {
  readonly client: SecretsClient;
  readonly context: TestContext;
  readonly description: SourceDescription;
  readonly #trial: Trial;

  constructor({ client, context, description, trial }: ConnectionOptions) {
    this.client = client;
    this.context = context;
    this.description = description;
    this.#trial = trial;
  }

  /** How a read of `refs`, or of everything, ends. */
  tryRead(request: Partial<ReadRequest>, pace?: Pace): Promise<Outcome<Snapshot>> {
    const signal = this.#trial.over;
    const read = async (): Promise<Snapshot> =>
      this.client.read({ all: false, refs: [], signal, progress() {}, ...request });
    return this.#trial.settle(read(), 'read', pace);
  }

  async read(request: Partial<ReadRequest>, pace?: Pace): Promise<Snapshot> {
    return valueOf(await this.tryRead(request, pace));
  }

  /** Reads the latest versions of these names. */
  readNames(names: readonly string[], previous?: Snapshot): Promise<Snapshot> {
    return this.read({ refs: names.map((name) => ({ name })), ...(previous && { previous }) });
  }

  readAll(previous?: Snapshot): Promise<Snapshot> {
    return this.read({ all: true, ...(previous && { previous }) });
  }

  tryList(): Promise<Outcome<readonly SecretInfo[]>> {
    const signal = this.#trial.over;
    return this.#trial.settle((async () => (await this.client.list?.({ signal })) ?? [])(), 'list');
  }

  async list(): Promise<readonly SecretInfo[]> {
    return valueOf(await this.tryList());
  }

  tryWrite(changes: readonly SecretChange[]): Promise<Outcome<readonly WriteResult[]>> {
    const signal = this.#trial.over;
    for (const change of changes) if ('value' in change) this.#trial.made(change.name, change.value.reveal());
    return this.#trial.settle((async () => (await this.client.write?.(changes, { signal })) ?? [])(), 'write');
  }

  async write(changes: readonly SecretChange[]): Promise<readonly WriteResult[]> {
    const results = valueOf(await this.tryWrite(changes));
    if (results.length === changes.length) return results;
    throw new ContractFailure({
      got: `\`write\` gave ${results.length} results for ${changes.length} changes`,
      expected: 'one result for each change, in the order of the changes',
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.client[Symbol.asyncDispose]?.();
    } finally {
      await this.context[Symbol.asyncDispose]();
    }
  }
}

function valueOf<T>(outcome: Outcome<T>): T {
  if ('error' in outcome) throw outcome.error;
  return outcome.value;
}
