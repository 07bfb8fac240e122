import { ProviderError, refId, SecretValue } from '@hikyaku/core';
import type { ProviderErrorCode, ReadRequest, Secret, SecretRef, Snapshot } from '@hikyaku/core';
import type { ContentAnswer, ItemError } from './documents.ts';
import { notTheProtocol } from './parse-document.ts';

/**
 * What an answer says about what was asked. Names that nobody asked for are dropped; a name that comes twice is
 * `INVALID_RESPONSE`. Pinned versions that the service says nothing about are `UNSUPPORTED`, never absent.
 */
export function snapshotOf(
  answer: ContentAnswer,
  { all, refs }: Pick<ReadRequest, 'all' | 'refs'>,
  from: string,
): Pick<Snapshot, 'secrets' | 'unknown'> {
  const asked = new Set(refs.map(refId));
  const secrets = new Map<string, Secret>();
  const unknown = new Map<string, ProviderError>();

  function place<T>(into: Map<string, T>, ref: SecretRef, value: T): void {
    const id = refId(ref);
    if (secrets.has(id) || unknown.has(id)) throw notTheProtocol(from, 'a name in it comes twice');
    into.set(id, value);
  }
  for (const { name, version, valueBase64 } of answer.secrets) {
    place(secrets, { name }, { value: valueOf(valueBase64), ...(version !== undefined && { version }) });
  }
  for (const { name, version, valueBase64 } of answer.pins ?? []) {
    place(secrets, { name, version }, { value: valueOf(valueBase64), version });
  }
  for (const { name, version, error } of answer.unknown ?? []) {
    const ref = { name, ...(version !== undefined && { version }) };
    place(unknown, ref, itemError(error, `${shown(ref)} could not be read: ${from}`));
  }
  for (const ref of answer.pins === undefined ? refs : []) {
    if (ref.version === undefined || unknown.has(refId(ref))) continue;
    const message = `${from} gives no pinned versions: remove \`version\` from ${ref.name}`;
    unknown.set(refId(ref), new ProviderError('UNSUPPORTED', message));
  }

  const isAsked = ([id]: readonly [string, unknown]): boolean => asked.has(id) || (all && !id.includes('\0'));
  const kept = new Map([...unknown].filter(isAsked));
  return { secrets: new Map([...secrets].filter(isAsked)), ...(kept.size > 0 && { unknown: kept }) };
}

const MEANING: Readonly<Record<ItemError['code'], string>> = {
  CONFLICT: 'says that it has another version now. Read it again before changing it',
  FORBIDDEN: 'does not allow it to this token',
  INVALID_CONFIG: 'does not accept such a name or value',
  INVALID_RESPONSE: 'got something that makes no sense from where it keeps it',
  PENDING: 'does not know it yet',
  RATE_LIMITED: 'takes no more requests for it now',
  UNAVAILABLE: 'cannot say now; see the log of the service',
  UNSUPPORTED: 'cannot do this',
} satisfies Partial<Record<ProviderErrorCode, string>>;

/** The error of one secret, for a message that begins with what failed and who said so. */
export function itemError({ code, retryAfterSeconds }: ItemError, what: string): ProviderError {
  return new ProviderError(code, `${what} ${MEANING[code]}`, {
    ...(retryAfterSeconds !== undefined && { retryAfterMs: retryAfterSeconds * 1000 }),
  });
}

function shown({ name, version }: SecretRef): string {
  return version === undefined ? name : `version ${version} of ${name}`;
}

function valueOf(base64: string): SecretValue {
  return SecretValue.of(Buffer.from(base64, 'base64'));
}
