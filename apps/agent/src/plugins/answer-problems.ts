import { isProviderError } from '@hikyaku/core';

/** What keeps an answer of `describe` from being a SourceDescription, for the provider's author. */
export function descriptionProblem(description: unknown): string | undefined {
  const { identity, origins, ca } = fieldsOf(description);
  if (typeof identity !== 'string' || identity === '') return '`identity` must be a text that says which data this is';
  if (!Array.isArray(origins) || !origins.every(isOrigin))
    return "`origins` must be a list such as `['https://api.example.com']`, empty when it sends no request";
  if (ca !== undefined && typeof ca !== 'string') return '`ca` must be text';
  return undefined;
}

/** What keeps an answer of `read` from being a Snapshot, for the provider's author. Quotes no value. */
export function snapshotProblem(snapshot: unknown): string | undefined {
  const { secrets, unknown, revision } = fieldsOf(snapshot);
  if (!isMapOf(secrets, isSecret))
    return '`secrets` must be a Map from names to `{ value: SecretValue.of(…) }`, with text as `version` and a number as `readAt`';
  if (unknown !== undefined && !isMapOf(unknown, isProviderError))
    return '`unknown` must be a Map from names to ProviderErrors';
  if (revision !== undefined && typeof revision !== 'string') return '`revision` must be text';
  return undefined;
}

/** What keeps an answer of `verifyNotice` from being a NoticeVerdict, for the provider's author. */
export function verdictProblem(verdict: unknown): string | undefined {
  const { genuine, id } = fieldsOf(verdict);
  if (typeof genuine !== 'boolean') return '`genuine` must be true or false, and no promise of it';
  if (id !== undefined && (typeof id !== 'string' || id.length > 200))
    return '`id` must be a text of at most 200 letters';
  return undefined;
}

function isMapOf(value: unknown, isValue: (value: unknown) => boolean): boolean {
  return value instanceof Map && [...value].every(([key, inner]) => typeof key === 'string' && isValue(inner));
}

function isSecret(secret: unknown): boolean {
  const { value, version, readAt } = fieldsOf(secret);
  return (
    isSecretValue(value) &&
    (version === undefined || typeof version === 'string') &&
    (readAt === undefined || typeof readAt === 'number')
  );
}

/** Of the plug-in's own copy of core perhaps, so not by its class. */
function isSecretValue(value: unknown): boolean {
  const { reveal, equals } = fieldsOf(value);
  return typeof reveal === 'function' && typeof equals === 'function' && reveal.call(value) instanceof Uint8Array;
}

function isOrigin(origin: unknown): boolean {
  return typeof origin === 'string' && URL.canParse(origin) && new URL(origin).origin !== 'null';
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
