import { isProviderError, ProviderError } from '@hikyaku/core';
import type { CallOptions, Clock, Logger, ProviderErrorCode, SecretChange, WriteResult } from '@hikyaku/core';
import { RecentVersions } from './recent-versions.ts';
import { shownName } from './vault.ts';
import type { Vault } from './vault.ts';

export interface WriteChangesOptions extends CallOptions {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Bytes of one value (manual.sakura.ad.jp/cloud/appliance/secretsmanager). */
const LARGEST_VALUE = 65_536;
const LONGEST_NAME = 255;

/** After these the next change would fare no better. */
const ENDS_ALL: ReadonlySet<ProviderErrorCode> = new Set([
  'UNAUTHENTICATED',
  'NOT_FOUND',
  'RATE_LIMITED',
  'UNAVAILABLE',
  'INVALID_RESPONSE',
]);

/**
 * One change after the other. SAKURA has no conditional writes: `ifVersion` is compared with a list from right before, and who
 * writes in between is overwritten. The version that comes back shows it, and it is logged.
 */
export async function writeChanges(
  vault: Vault,
  changes: readonly SecretChange[],
  { signal, clock, logger }: WriteChangesOptions,
): Promise<readonly WriteResult[]> {
  const recent = new RecentVersions(vault, clock);

  async function apply(change: SecretChange): Promise<WriteResult> {
    const { name, ifVersion } = change;
    const text = checkedText(change);
    if (ifVersion !== undefined) checkVersion(name, ifVersion, await recent.of(name, { signal }));
    if (text === undefined) {
      await removeSurely(name);
      recent.note(name, null);
      return { name };
    }
    const version = await knownOutcome(name, vault.put(name, text, { signal }));
    recent.note(name, version);
    const expected = typeof ifVersion === 'string' ? Number(ifVersion) + 1 : version;
    if (version !== expected)
      logger.warn({ key: name, version, expected }, 'a change that somebody made at the same time was overwritten');
    return { name, version: String(version) };
  }

  async function removeSurely(name: string): Promise<void> {
    if (await knownOutcome(name, vault.remove(name, { signal }))) return;
    // SAKURA says 404 of a secret and of a vault alike; what is not there need not be removed.
    recent.forget();
    if ((await recent.of(name, { signal })) !== null) throw changedMeanwhile(name);
  }

  const results: WriteResult[] = [];
  let ended: ProviderError | undefined;
  for (const change of changes) {
    const { name } = change;
    try {
      results.push(ended === undefined ? await apply(change) : { name, error: notTried(name, ended) });
    } catch (error) {
      signal.throwIfAborted();
      if (!isProviderError(error)) throw error;
      if (ENDS_ALL.has(error.code)) ended = error;
      results.push({ name, error });
    }
  }
  return results;
}

/** The text to write, `undefined` to remove. Throws what SAKURA would refuse, before anything is sent. */
function checkedText(change: SecretChange): string | undefined {
  const { name } = change;
  if (name === '' || name.length > LONGEST_NAME || !name.isWellFormed())
    throw new ProviderError('INVALID_CONFIG', `a name at SAKURA has from 1 to ${LONGEST_NAME} characters`);
  if (!('value' in change)) return undefined;
  if (change.value.byteLength > LARGEST_VALUE) {
    throw new ProviderError(
      'INVALID_CONFIG',
      `the value of ${shownName(name)} has ${change.value.byteLength} bytes: SAKURA takes at most ${LARGEST_VALUE}`,
    );
  }
  const text = change.value.text();
  if (text === undefined) {
    throw new ProviderError(
      'UNSUPPORTED',
      `the value of ${shownName(name)} is not UTF-8 text, and SAKURA keeps nothing else: write it as base64, and read it with \`decode: base64\``,
    );
  }
  return text;
}

function checkVersion(name: string, wanted: string | null, version: number | null): void {
  if (wanted === (version === null ? null : String(version))) return;
  const found = version === null ? 'does not exist' : `has version ${version}`;
  const expected = wanted === null ? 'it should not exist' : 'another version was expected';
  throw new ProviderError('CONFLICT', `${shownName(name)} ${found} at SAKURA, ${expected}: read it again`);
}

/** Nobody knows whether a write was done that was not answered. */
async function knownOutcome<T>(name: string, write: Promise<T>): Promise<T> {
  try {
    return await write;
  } catch (error) {
    if (!isProviderError(error) || (error.code !== 'UNAVAILABLE' && error.code !== 'INVALID_RESPONSE')) throw error;
    throw new ProviderError(
      'UNAVAILABLE',
      `it is not known whether the change of ${shownName(name)} was made: read before retrying. ${error.message}`,
      { cause: error },
    );
  }
}

function changedMeanwhile(name: string): ProviderError {
  return new ProviderError(
    'CONFLICT',
    `SAKURA did not find ${shownName(name)} to remove it, and lists it: somebody made it again`,
  );
}

function notTried(name: string, { code, retryable, retryAfterMs }: ProviderError): ProviderError {
  return new ProviderError(
    code,
    `${shownName(name)} was not changed: an earlier change failed, and nothing was sent after it`,
    {
      retryable,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    },
  );
}
