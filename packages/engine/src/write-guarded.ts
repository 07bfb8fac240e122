import { ProviderError, refId } from '@hikyaku/core';
import type { CallOptions, Secret, SecretChange, SecretsClient, SecretValue, WriteResult } from '@hikyaku/core';
import { toProviderError } from './to-provider-error.ts';

/** What one secret of a source is to become; without a value it is to go. */
export interface GuardedChange {
  readonly name: string;
  readonly value?: SecretValue;
  /** What was seen there, and nothing else may be written over; absent: nothing was there. */
  readonly before?: Secret;
}

/** The secrets of these names that exist. Throws where it cannot be told of one of them. */
export async function readCurrent(
  client: SecretsClient,
  names: readonly string[],
  { signal }: CallOptions,
): Promise<ReadonlyMap<string, Secret>> {
  const refs = names.map((name) => ({ name }));
  const { secrets, unknown } = await client.read({ all: false, refs, signal, progress() {} });
  const current = new Map<string, Secret>();
  for (const ref of refs) {
    const error = unknown?.get(refId(ref));
    if (error !== undefined) throw error;
    const secret = secrets.get(refId(ref));
    if (secret !== undefined) current.set(ref.name, secret);
  }
  return current;
}

/**
 * Writes only over what was seen: by the source's own versions where it has them, else by a look right before. One result per
 * change, in order; what somebody else has changed meanwhile is a `CONFLICT`. A thrown error means: outcome unknown, of all of them.
 */
export async function writeGuarded(
  client: SecretsClient,
  changes: readonly GuardedChange[],
  options: CallOptions,
): Promise<readonly WriteResult[]> {
  const results = new Map<string, WriteResult>();
  const versioned = changes.filter(({ before }) => before === undefined || before.version !== undefined);
  await write(
    versioned.map((change) => ({ ...toChange(change), ifVersion: change.before?.version ?? null })),
    (result) => result.error?.code !== 'UNSUPPORTED',
  );

  const left = changes.filter(({ name }) => !results.has(name));
  if (left.length > 0) await writeAfterLook(left);
  return changes.map(({ name }) => results.get(name) ?? { name, error: unanswered(name) });

  async function writeAfterLook(others: readonly GuardedChange[]): Promise<void> {
    let isSent = false;
    try {
      const names = others.map(({ name }) => name);
      const now = await readCurrent(client, names, options);
      const isUntouched = ({ name, before }: GuardedChange): boolean => isSame(before, now.get(name));
      for (const { name } of others.filter((change) => !isUntouched(change)))
        results.set(name, { name, error: changedMeanwhile(name) });
      isSent = true;
      await write(others.filter(isUntouched).map(toChange), () => true);
    } catch (error) {
      options.signal.throwIfAborted();
      // What is known of the others must not go unsaid.
      if (results.size === 0) throw error;
      const reason = toProviderError(error);
      for (const { name } of others)
        if (!results.has(name)) results.set(name, { name, error: isSent ? unconfirmed(name, reason) : reason });
    }
  }

  async function write(batch: readonly SecretChange[], counts: (result: WriteResult) => boolean): Promise<void> {
    if (batch.length === 0) return;
    if (client.write === undefined) throw new ProviderError('UNSUPPORTED', 'this source can only be read');
    for (const result of await client.write(batch, options)) if (counts(result)) results.set(result.name, result);
  }
}

function toChange({ name, value }: GuardedChange): SecretChange {
  return value === undefined ? { name, remove: true } : { name, value };
}

function isSame(a: Secret | undefined, b: Secret | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.value.equals(b.value);
}

function changedMeanwhile(name: string): ProviderError {
  return new ProviderError('CONFLICT', `somebody else has changed ${name} meanwhile; look at it again`);
}

/** Of a code that never means «not written for certain». */
function unconfirmed(name: string, { message, retryAfterMs = 0 }: ProviderError): ProviderError {
  return new ProviderError('UNAVAILABLE', `it is not known whether ${name} was written: ${message}`, { retryAfterMs });
}

function unanswered(name: string): ProviderError {
  const message = `the provider does not say whether ${name} was written; this is a bug of the provider: look at it`;
  return new ProviderError('INVALID_RESPONSE', message);
}
