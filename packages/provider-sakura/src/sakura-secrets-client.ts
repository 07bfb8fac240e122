import { isProviderError, previousIfSame, ProviderError } from '@hikyaku/core';
import type {
  CallOptions,
  ProviderContext,
  ReadRequest,
  SecretChange,
  SecretInfo,
  SecretsClient,
  Snapshot,
  WriteResult,
} from '@hikyaku/core';
import { exists, planRead } from './read-plan.ts';
import { Reading } from './reading.ts';
import { SakuraClient } from './sakura-client.ts';
import type { SakuraConfig } from './sakura-config.ts';
import { readAtSameTimes } from './read-at-same-times.ts';
import { unveilDue } from './unveil-due.ts';
import { shownName, Vault } from './vault.ts';
import type { Versions, Wanted } from './vault.ts';
import { writeChanges } from './write-changes.ts';

/** Reads and writes one vault. Keeps nothing in memory: what was read before comes with each request. */
export class SakuraSecretsClient implements SecretsClient {
  readonly #config: SakuraConfig;
  readonly #context: ProviderContext;
  readonly #vault: Vault;

  constructor(config: SakuraConfig, context: ProviderContext) {
    this.#config = config;
    this.#context = context;
    this.#vault = new Vault(config.vault, new SakuraClient(config, context), context.clock);
  }

  async read(request: ReadRequest): Promise<Snapshot> {
    const { previous, signal } = request;
    const { clock, logger } = this.#context;
    const { rereadAfter, requestsPerMinute } = this.#config;
    const versions = await this.#vault.list({ signal });
    const plan = planRead(request, { versions, rereadAfterMs: rereadAfter, now: clock.now() });
    const reading = new Reading(plan);
    if (plan.due.size > requestsPerMinute) logger.info({ done: 0, total: plan.due.size }, 'reading secrets');

    const vanished = await unveilDue(this.#vault, plan, { request, reading, versions, clock, logger });
    if (vanished.size > 0) await this.#settle(vanished, reading, versions, { signal });

    const snapshot = reading.snapshot();
    return previous !== undefined && readAtSameTimes(previous, snapshot)
      ? previousIfSame(previous, snapshot)
      : snapshot;
  }

  async list({ signal }: CallOptions): Promise<readonly SecretInfo[]> {
    const versions = await this.#vault.list({ signal });
    return [...versions].map(([name, version]) => ({ name, version: String(version) }));
  }

  write(changes: readonly SecretChange[], { signal }: CallOptions): Promise<readonly WriteResult[]> {
    const { clock, logger } = this.#context;
    return writeChanges(this.#vault, changes, { signal, clock, logger });
  }

  /** What was listed and then not found was deleted in between, or cannot be opened: a second list tells. */
  async #settle(
    vanished: ReadonlyMap<string, Wanted>,
    reading: Reading,
    before: Versions,
    { signal }: CallOptions,
  ): Promise<void> {
    try {
      const versions = await this.#vault.list({ signal });
      for (const [id, wanted] of vanished) {
        if (!exists(wanted, versions)) reading.absent(id);
        else if (versions.get(wanted.name) === before.get(wanted.name)) reading.failed(id, notOpened(wanted));
      }
    } catch (error) {
      signal.throwIfAborted();
      // Pending until the next read, which begins with a list and has the same error.
      if (!isProviderError(error)) throw error;
    }
  }
}

function notOpened({ name, version }: Wanted): ProviderError {
  const which = version === undefined ? 'it' : `version ${version} of it`;
  return new ProviderError(
    'FORBIDDEN',
    `SAKURA lists ${shownName(name)} and does not find ${which} when asked for the value. Was it deleted and made again, so that its versions began anew? Otherwise check that the KMS key of the vault still exists; what was read before stays in use`,
  );
}
