import { isProviderError } from '@hikyaku/core';
import type { Clock, Logger, ProviderErrorCode, ReadRequest } from '@hikyaku/core';
import type { ReadPlan } from './read-plan.ts';
import type { Reading } from './reading.ts';
import type { Vault, Versions, Wanted } from './vault.ts';

export interface UnveilDueOptions {
  readonly request: Pick<ReadRequest, 'signal' | 'progress'>;
  readonly reading: Reading;
  readonly versions: Versions;
  readonly clock: Clock;
  readonly logger: Logger;
}

const LOG_EVERY_MS = 15_000;
/** One secret that fails says little about the others; three in a row do. */
const FAILURES_IN_A_ROW = 3;
/** After these no secret would fare better. */
const ENDS_ALL: ReadonlySet<ProviderErrorCode> = new Set(['UNAUTHENTICATED', 'RATE_LIMITED']);

/**
 * Reads what is due, one after the other at the pace of the budget, and hands over what is known on the way. What could not
 * be read, or was not come to, stays unknown: the next read goes on with it. Gives back what was listed and is not found now.
 */
export async function unveilDue(
  vault: Vault,
  { due }: ReadPlan,
  { request, reading, versions, clock, logger }: UnveilDueOptions,
): Promise<ReadonlyMap<string, Wanted>> {
  const { signal } = request;
  const vanished = new Map<string, Wanted>();
  let done = 0;
  let failuresInARow = 0;
  let loggedAt = clock.monotonic();

  for (const [id, wanted] of due) {
    try {
      const secret = await vault.unveil(wanted, { signal, listed: versions.get(wanted.name) ?? 0 });
      failuresInARow = secret === undefined ? failuresInARow + 1 : 0;
      if (secret === undefined) {
        vanished.set(id, wanted);
        reading.failed(id);
      } else {
        reading.found(id, secret);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!isProviderError(error)) throw error;
      failuresInARow++;
      reading.failed(id, error);
      const endsAll = ENDS_ALL.has(error.code);
      // "More is coming" would not be true.
      if (!error.retryable && (endsAll || failuresInARow === FAILURES_IN_A_ROW)) reading.pendingFailed(error);
      // Nor would a second list fare better: what has vanished stays pending.
      if (endsAll) return new Map();
    }
    done++;
    if (failuresInARow === FAILURES_IN_A_ROW || done === due.size) break;

    // Each one, as the next may have to wait a minute for its turn.
    request.progress(reading.snapshot());
    if (clock.monotonic() - loggedAt >= LOG_EVERY_MS) {
      loggedAt = clock.monotonic();
      logger.info({ done, total: due.size }, 'reading secrets');
    }
  }
  return vanished;
}
