import { isProviderError, ProviderError } from '@hikyaku/core';
import type { CallOptions, SecretChange, WriteResult } from '@hikyaku/core';
import type { DopplerClient } from './doppler-client.ts';
import { isManagedName } from './parse-download.ts';

/** https://docs.doppler.com/docs/platform-limits; and what Doppler answers to any other name. */
const NAME = /^[A-Z_][A-Z0-9_]{0,199}$/;
/** https://docs.doppler.com/docs/secrets#referencing-secrets */
const REFERENCE = /\$\{[\w.-]+\}/;

/** A change that may be sent: `null` removes. */
interface Ready {
  readonly name: string;
  readonly value: string | null;
}

interface Judged {
  readonly change: SecretChange;
  readonly judgement: Ready | ProviderError | 'nothing to do';
}

/**
 * Applies what it can, by one request where no name comes twice. Rejects when nobody can say what was applied.
 *
 * Conditions are checked by reading the names just before: Doppler has no way to make a change depend on what is there, so what
 * somebody else does in between is not seen.
 */
export async function writeChanges(
  client: DopplerClient,
  changes: readonly SecretChange[],
  options: CallOptions,
): Promise<readonly WriteResult[]> {
  const results: WriteResult[] = [];
  for (const round of roundsOf(changes)) {
    const judged = await judge(client, round, options);
    const ready = judged.flatMap(({ judgement }) => (isReady(judgement) ? [judgement] : []));
    const refused = await send(client, ready, options);
    for (const { change, judgement } of judged) {
      const { name } = change;
      const error = isProviderError(judgement) ? judgement : refused.get(name);
      results.push({ name, ...(error !== undefined && { error }) });
    }
  }
  return results;
}

/** In the given order, cut where a name comes again: one request has room for one value of a name. */
function roundsOf(changes: readonly SecretChange[]): readonly (readonly SecretChange[])[] {
  const rounds: SecretChange[][] = [];
  let names = new Set<string>();
  for (const change of changes) {
    if (rounds.length === 0 || names.has(change.name)) {
      rounds.push([]);
      names = new Set();
    }
    rounds.at(-1)?.push(change);
    names.add(change.name);
  }
  return rounds;
}

async function judge(
  client: DopplerClient,
  changes: readonly SecretChange[],
  options: CallOptions,
): Promise<readonly Judged[]> {
  const judged = changes.map((change): Judged => ({ change, judgement: judgeAlone(change) }));
  const open = judged.filter(
    ({ change, judgement }) => isReady(judgement) && (change.ifVersion === null || 'remove' in change),
  );
  if (open.length === 0) return judged;
  const names = await namesOrError(client, options);
  return judged.map((one) => (open.includes(one) ? { ...one, judgement: judgeByNames(one.change, names) } : one));
}

async function namesOrError(client: DopplerClient, options: CallOptions): Promise<ReadonlySet<string> | ProviderError> {
  try {
    return new Set(await client.names(options));
  } catch (error) {
    options.signal.throwIfAborted();
    if (isProviderError(error)) return error;
    throw error;
  }
}

function judgeAlone(change: SecretChange): Judged['judgement'] {
  const { name, ifVersion } = change;
  if (isManagedName(name))
    return new ProviderError('INVALID_CONFIG', `${name} is kept by Doppler itself and cannot be written`);
  if (typeof ifVersion === 'string') {
    return new ProviderError(
      'UNSUPPORTED',
      `Doppler keeps no versions: ${name} cannot be written on the condition that it has one`,
    );
  }
  if ('remove' in change) return { name, value: null };
  if (!NAME.test(name)) {
    return new ProviderError(
      'INVALID_CONFIG',
      `Doppler does not take the name ${JSON.stringify(name)}: it must be upper-case letters, digits and underscores, begin with no digit, and have at most 200 characters`,
    );
  }
  const value = change.value.text();
  if (value === undefined) {
    return new ProviderError(
      'UNSUPPORTED',
      `the value of ${name} is not text in UTF-8, and Doppler keeps only that: encode it, in base64 for example`,
    );
  }
  if (REFERENCE.test(value)) {
    return new ProviderError(
      'UNSUPPORTED',
      `the value of ${name} has a part in \${ }, which Doppler would take for the name of another secret, so that something else would be read: set it in Doppler itself, if a reference is meant`,
    );
  }
  return { name, value };
}

function judgeByNames(change: SecretChange, names: ReadonlySet<string> | ProviderError): Judged['judgement'] {
  if (isProviderError(names)) return names;
  const { name, ifVersion } = change;
  if (ifVersion === null && names.has(name)) {
    const message = `${name} was to be written only if it does not exist, and it does: read it first`;
    return new ProviderError('CONFLICT', message);
  }
  if (!('remove' in change)) return judgeAlone(change);
  // What Doppler answers to the removal of what is not there is not documented.
  return names.has(name) ? { name, value: null } : 'nothing to do';
}

/** The refused ones, by name. One value that Doppler refuses spoils its request, so the others are sent again by halves. */
async function send(
  client: DopplerClient,
  changes: readonly Ready[],
  options: CallOptions,
): Promise<ReadonlyMap<string, ProviderError>> {
  if (changes.length === 0) return new Map();
  let unconfirmed: ProviderError | undefined;
  try {
    unconfirmed = await client.change(new Map(changes.map(({ name, value }) => [name, value])), options);
  } catch (error) {
    options.signal.throwIfAborted();
    if (!isProviderError(error)) throw error;
    // The token of another config is refused in the same way, and then no part of the request would do.
    const divisible = changes.length > 1 && error.code === 'INVALID_CONFIG';
    if (!divisible || isProviderError(await namesOrError(client, options)))
      return new Map(changes.map(({ name }) => [name, error]));
    const middle = Math.ceil(changes.length / 2);
    return new Map([
      ...(await send(client, changes.slice(0, middle), options)),
      ...(await send(client, changes.slice(middle), options)),
    ]);
  }
  if (unconfirmed !== undefined) throw unconfirmed;
  return new Map();
}

function isReady(judgement: Judged['judgement']): judgement is Ready {
  return typeof judgement === 'object' && 'value' in judgement;
}
