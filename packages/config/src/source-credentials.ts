import type { CredentialField, SourceDescription } from '@hikyaku/core';
import type { CredentialReference } from './config.ts';
import { readCredential } from './credential.ts';
import type { WrittenReference } from './credential.ts';
import { wrongKind } from './issues.ts';
import { isMapping, nameOf } from './place.ts';
import type { Place } from './place.ts';
import { problemAt, problemAtKey } from './problem.ts';
import type { Problem } from './problem.ts';
import type { KnownRecipients } from './recipients.ts';

/** A name is shown on terminals, and sealed as it is: nothing that could move a cursor or turn the direction of writing around. */
const NOT_SHOWN = /[\p{C}\p{Zl}\p{Zp}]/u;

export interface WrittenCredentials {
  /** By the dotted path of the field. Absent where what stands there is not good. */
  readonly written: ReadonlyMap<string, { readonly place: Place; readonly reference: WrittenReference | undefined }>;
  /** The source's mapping without them. */
  readonly rest: Readonly<Record<string, unknown>>;
}

/** Takes the credentials of a source out of its mapping and reads them. */
export function readCredentials(
  source: Place,
  settings: Readonly<Record<string, unknown>>,
  fields: readonly CredentialField[],
  recipients: KnownRecipients,
  problems: Problem[],
): WrittenCredentials {
  const written = new Map<string, { readonly place: Place; readonly reference: WrittenReference | undefined }>();
  let rest = settings;
  for (const field of fields) {
    const parts = field.path.split('.');
    const before = problems.length;
    const places = [...placesOf(source, parts, problems)];
    // Not the mapping it should be: reported here, so that the provider's schema does not call it unknown.
    if (problems.length > before) rest = without(rest, parts.slice(0, 1));
    for (const place of places) {
      const path = place.path.slice(source.path.length).map(String);
      if (NOT_SHOWN.test(path.at(-1) ?? '')) {
        problems.push(problemAtKey(place, 'a name here has characters that cannot be shown', 'remove them'));
        rest = without(rest, path);
        continue;
      }
      written.set(path.join('.'), { place, reference: readCredential(place, recipients, problems) });
      rest = without(rest, path);
    }
  }
  return { written, rest };
}

/**
 * What was written, once it is known what the source uses and where it sends: with the provider's default for each field in use that
 * is absent.
 */
export function settleCredentials(
  { written }: WrittenCredentials,
  fields: readonly CredentialField[],
  description: SourceDescription,
  problems: Problem[],
): ReadonlyMap<string, CredentialReference> {
  const inUse = description.credentials ?? fields.map(({ path }) => path);
  const references = new Map<string, CredentialReference>();
  for (const [path, { place, reference }] of written) {
    if (!inUse.some((pattern) => covers(pattern, path))) {
      const reason = `${nameOf(place.path)} is not used by a source that is configured like this one`;
      problems.push(problemAtKey(place, reason, 'remove it'));
      continue;
    }
    const settled = reference && settle(place, reference, fields, description, problems);
    if (settled !== undefined) references.set(path, settled);
  }
  for (const field of fields) {
    const isWritten = [...written.keys()].some((path) => covers(field.path, path));
    if (field.default !== undefined && !isWritten && inUse.includes(field.path))
      references.set(field.path, field.default);
  }
  return references;
}

function settle(
  place: Place,
  reference: WrittenReference,
  fields: readonly CredentialField[],
  { origins }: SourceDescription,
  problems: Problem[],
): CredentialReference | undefined {
  if (!('serviceAccountToken' in reference)) return reference;
  const { serviceAccountToken } = reference;
  const { audience = origins.length === 1 ? origins[0] : undefined } = serviceAccountToken;
  const list = origins.map((origin) => `\`${origin}\``).join(' or ');
  const at = place.children.get('serviceAccountToken') ?? place;
  // The header has a word before the token, and the token alone would be refused.
  if (String(place.path.at(-1)).toLowerCase() === 'authorization') {
    const token = fields.some(({ path }) => path === 'token');
    problems.push(
      problemAtKey(
        at,
        'a header `Authorization` would hold the token alone, without `Bearer`',
        token ? 'write it under `token:` of the source, which sends `Authorization: Bearer`' : undefined,
      ),
    );
    return undefined;
  }
  if (origins.length === 0) {
    problems.push(problemAtKey(at, 'this source goes to no origin that a token could be for', 'use another form'));
    return undefined;
  }
  if (audience === undefined) {
    problems.push(problemAt(at, 'the source has several origins: `audience` says which one the token is for', list));
    return undefined;
  }
  if (!origins.includes(audience)) {
    problems.push(
      problemAt(
        at.children.get('audience') ?? at,
        '`audience` must be where the source sends its requests, so that nobody else can use the token',
        list,
      ),
    );
    return undefined;
  }
  return { serviceAccountToken: { audience } };
}

/** Whether a path is one of those that the pattern stands for. */
function covers(pattern: string, path: string): boolean {
  if (!pattern.endsWith('.*')) return pattern === path;
  const prefix = pattern.slice(0, -1);
  return path.startsWith(prefix) && path.length > prefix.length;
}

function* placesOf(place: Place, path: readonly string[], problems: Problem[]): Iterable<Place> {
  const [first, ...rest] = path;
  if (first === undefined) {
    yield place;
    return;
  }
  if (place.whole && !isMapping(place.value)) {
    problems.push(wrongKind(place, 'a mapping'));
    return;
  }
  const children = first === '*' ? place.children.values() : [place.children.get(first)];
  for (const child of children) if (child !== undefined) yield* placesOf(child, rest, problems);
}

/** A copy without what stands at `path`, nor a mapping that held nothing else. */
function without(
  mapping: Readonly<Record<string, unknown>>,
  path: readonly string[],
): Readonly<Record<string, unknown>> {
  const [first, ...rest] = path;
  if (first === undefined || !Object.hasOwn(mapping, first)) return mapping;
  const { [first]: inner, ...others } = mapping;
  if (rest.length === 0 || !isMapping(inner)) return others;
  const left = without(inner, rest);
  return Object.keys(left).length === 0 ? others : { ...others, [first]: left };
}
