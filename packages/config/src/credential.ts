import { dirname, resolve } from 'node:path';
import type { CredentialField } from '@hikyaku/core';
import * as z from 'zod';
import type { CredentialReference } from './config.ts';
import { readFields, reserved } from './fields.ts';
import { notYetAvailable, wrongKind } from './issues.ts';
import { dnsLabel, dnsSubdomain, secretKey } from './kubernetes-names.ts';
import { isMapping, nameOf } from './place.ts';
import type { Place } from './place.ts';
import { problemAt } from './problem.ts';
import type { Problem } from './problem.ts';

const RESERVED = ['sealed', 'perCluster', 'serviceAccountToken', 'oidc', 'servicePrincipal'] as const;

const secretReference = z.strictObject({
  name: dnsSubdomain().describe('Name of the Secret'),
  key: secretKey().describe('Key within the Secret'),
  namespace: dnsLabel().optional().describe("Namespace of the Secret; the agent's own by default"),
});

/** Where a credential is kept. */
export const credentialReference = z
  .strictObject({
    env: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, {
        error: 'must be the name of an environment variable: letters, digits and `_`',
      })
      .optional()
      .describe('Name of an environment variable of the agent'),
    file: z
      .string()
      .min(1, { error: 'must be the path of a file' })
      .optional()
      .describe('Path of a file, relative to the config file; read again when it changes'),
    secretRef: secretReference.optional().describe('A key of a Secret in the cluster'),
    sealed: reserved(),
    perCluster: reserved(),
    serviceAccountToken: reserved(),
    oidc: reserved(),
    servicePrincipal: reserved(),
  })
  .meta({
    minProperties: 1,
    maxProperties: 1,
    description: 'Where the credential is kept: env, file or secretRef. Never the credential itself',
  });

const FORMS = '`{ env: NAME }`, `{ file: PATH }` or `{ secretRef: { name: NAME, key: KEY } }`';

/** Reads one reference. Whatever stands there instead is never printed: it may be the credential. */
function readCredential(place: Place, problems: Problem[]): CredentialReference | undefined {
  if (!place.whole) return undefined;
  const { value } = place;
  if (!isMapping(value)) {
    const literal = typeof value === 'string' || typeof value === 'number';
    problems.push(
      literal
        ? problemAt(place, `${nameOf(place.path)}: a credential does not belong in the file`, `use ${FORMS}`)
        : { ...wrongKind(place, 'a mapping that says where the credential is kept'), suggestion: `use ${FORMS}` },
    );
    return undefined;
  }
  const later = RESERVED.find((word) => Object.hasOwn(value, word));
  const laterPlace = later === undefined ? undefined : place.children.get(later);
  if (laterPlace !== undefined) {
    problems.push(notYetAvailable(laterPlace));
    return undefined;
  }

  const before = problems.length;
  const { secretRef } = credentialReference.shape;
  const fields = readFields(place, credentialReference, problems);
  const forms = ['env', 'file', 'secretRef'].filter((word) => Object.hasOwn(value, word));
  if (forms.length > 1 || (forms.length === 0 && problems.length === before)) {
    problems.push(problemAt(place, `${nameOf(place.path)} needs exactly one of \`env\`, \`file\` and \`secretRef\``));
  }
  if (fields.env !== undefined) return { env: fields.env };
  if (fields.file !== undefined) return { file: resolve(dirname(place.file), fields.file) };
  const reference = secretRef.safeParse(fields.secretRef).data;
  if (reference === undefined) return undefined;
  const { name, key, namespace } = reference;
  return { secretRef: { name, key, ...(namespace !== undefined && { namespace }) } };
}

export interface Credentials {
  readonly references: ReadonlyMap<string, CredentialReference>;
  /** The source's mapping without them. */
  readonly rest: Readonly<Record<string, unknown>>;
}

/** Takes the credentials of a source out of its mapping and reads them, with the provider's default for those that are absent. */
export function readCredentials(
  source: Place,
  settings: Readonly<Record<string, unknown>>,
  fields: readonly CredentialField[],
  problems: Problem[],
): Credentials {
  const references = new Map<string, CredentialReference>();
  let rest = settings;
  for (const field of fields) {
    const parts = field.path.split('.');
    const before = problems.length;
    const places = [...placesOf(source, parts, problems)];
    // Not the mapping it should be: reported here, so that the provider's schema does not call it unknown.
    if (problems.length > before) rest = without(rest, parts.slice(0, 1));
    for (const place of places) {
      const path = place.path.slice(source.path.length).map(String);
      const reference = readCredential(place, problems);
      if (reference !== undefined) references.set(path.join('.'), reference);
      rest = without(rest, path);
    }
    if (places.length === 0 && field.default !== undefined) references.set(field.path, field.default);
  }
  return { references, rest };
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
