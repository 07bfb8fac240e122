import { dirname, resolve } from 'node:path';
import * as z from 'zod';
import type { CredentialReference, SealedReference } from './config.ts';
import { readFields } from './fields.ts';
import { wrongKind } from './issues.ts';
import { dnsLabel, dnsSubdomain, secretKey } from './kubernetes-names.ts';
import { isMapping, nameOf } from './place.ts';
import type { Place } from './place.ts';
import { problemAt, problemAtKey } from './problem.ts';
import type { Problem } from './problem.ts';
import { checkCluster } from './recipients.ts';
import type { KnownRecipients } from './recipients.ts';

const secretReference = z.strictObject({
  name: dnsSubdomain().describe('Name of the Secret'),
  key: secretKey().describe('Key within the Secret'),
  namespace: dnsLabel().optional().describe("Namespace of the Secret; the agent's own by default"),
});

const sealedText = z
  .string()
  .regex(/^\s*-----BEGIN AGE ENCRYPTED FILE-----/, {
    error: 'must be an age file in armor, as `hikyaku seal` writes it',
  })
  .describe('The credential, encrypted: one age file in armor, as `hikyaku seal` writes it');

const unbound = z
  .literal(true, { error: 'must be `true`, or be left out' })
  .optional()
  .describe('It was made by plain `age`, and so does not say where it may be sent');

const sealedWords = z.strictObject({ sealed: sealedText, unbound });

const tokenWords = z.strictObject({
  audience: z
    .string()
    .optional()
    .describe('Whom the token is for: an origin of the source (`https://host`), which is the default where it has one'),
});

const forms = {
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
  sealed: sealedText.optional(),
  perCluster: z
    .record(z.string(), sealedWords)
    .optional()
    .meta({ minProperties: 1, description: 'By name of the cluster: a credential of its own, sealed for it' }),
  serviceAccountToken: tokenWords
    .optional()
    .describe("A short-lived token of the agent's own ServiceAccount, for services that can check it"),
};

/** Where a credential is kept. */
export const credentialReference = z.strictObject({ ...forms, unbound }).meta({
  oneOf: Object.keys(forms).map((form) => ({ required: [form] })),
  dependentRequired: { unbound: ['sealed'] },
  description: `Where the credential is kept: ${Object.keys(forms).join(', ')}. Never the credential itself`,
});

/** Ways to be trusted without a credential, and whose they are. */
const BESIDE_TYPE: ReadonlyMap<string, string> = new Map([
  ['oidc', '`oidc: { identity: ID }` stands beside `type: doppler`, and then there is no `token`'],
  [
    'servicePrincipal',
    '`servicePrincipal: { id: ID, kid: KEY }` stands beside `type: sakura`, and then there is no access token',
  ],
]);

/** A reference as it stands in the file: what depends on the source is still open. */
export type WrittenReference =
  | Exclude<CredentialReference, { readonly serviceAccountToken: unknown }>
  | { readonly serviceAccountToken: { readonly audience?: string } };

/** Reads one reference. Whatever stands there instead is never printed: it may be the credential. */
export function readCredential(
  place: Place,
  recipients: KnownRecipients,
  problems: Problem[],
): WrittenReference | undefined {
  if (!place.whole) return undefined;
  const { value } = place;
  if (!isMapping(value)) {
    const literal = typeof value === 'string' || typeof value === 'number';
    problems.push(
      literal
        ? problemAt(place, `${nameOf(place.path)}: a credential does not belong in the file`, formsFor(place))
        : { ...wrongKind(place, 'a mapping that says where the credential is kept'), suggestion: formsFor(place) },
    );
    return undefined;
  }
  const misplaced = [...BESIDE_TYPE].flatMap(([word, where]) => {
    const child = place.children.get(word);
    return child === undefined ? [] : [problemAtKey(child, `\`${word}\` is no form of ${nameOf(place.path)}`, where)];
  });
  if (misplaced.length > 0) {
    problems.push(...misplaced);
    return undefined;
  }

  const before = problems.length;
  const fields = readFields(place, credentialReference, problems, ['perCluster']);
  const named = Object.keys(forms).filter((form) => Object.hasOwn(value, form));
  if (named.length > 1 || (named.length === 0 && problems.length === before)) {
    problems.push(problemAt(place, `${nameOf(place.path)} needs exactly one of ${FORM_LIST}`, formsFor(place)));
  }
  const unboundPlace = place.children.get('unbound');
  if (unboundPlace !== undefined && named.length > 0 && !named.includes('sealed'))
    problems.push(problemAtKey(unboundPlace, '`unbound` only goes with `sealed`', 'remove it'));

  if (fields.env !== undefined) return { env: fields.env };
  if (fields.file !== undefined) return { file: resolve(dirname(place.file), fields.file) };
  const perCluster = place.children.get('perCluster');
  if (perCluster !== undefined) return { perCluster: readPerCluster(perCluster, recipients, problems) };
  if (fields.sealed !== undefined) return { sealed: sealedAt(place, fields.sealed, fields.unbound) };
  const { serviceAccountToken } = fields;
  if (serviceAccountToken !== undefined) {
    const { audience } = serviceAccountToken;
    return { serviceAccountToken: audience === undefined ? {} : { audience } };
  }
  if (fields.secretRef === undefined) return undefined;
  const { name, key, namespace } = fields.secretRef;
  return { secretRef: { name, key, ...(namespace !== undefined && { namespace }) } };
}

const FORM_LIST = Object.keys(forms)
  .map((form) => `\`${form}\``)
  .join(', ')
  .replace(/, ([^,]*)$/, ' and $1');

function formsFor({ path }: Place): string {
  return `\`hikyaku seal ${path.join('.')}\` seals it; or use \`{ env: NAME }\`, \`{ file: PATH }\` or \`{ secretRef: { name: NAME, key: KEY } }\``;
}

function sealedAt(place: Place, text: string, isUnbound = false): SealedReference {
  const { position } = place.children.get('sealed') ?? place;
  return { text, unbound: isUnbound, position };
}

function readPerCluster(
  place: Place,
  recipients: KnownRecipients,
  problems: Problem[],
): ReadonlyMap<string, SealedReference> {
  const references = new Map<string, SealedReference>();
  if (!isMapping(place.value)) {
    problems.push(wrongKind(place, 'a mapping'));
    return references;
  }
  if (place.children.size === 0) problems.push(problemAt(place, '`perCluster` must name at least one cluster'));
  for (const [name, child] of place.children) {
    const named = { ...child, position: child.keyPosition };
    checkCluster(named, String(name), recipients, problems);
    const { sealed, unbound: isUnbound } = readPerClusterWords(child, problems);
    if (sealed !== undefined) references.set(String(name), sealedAt(child, sealed, isUnbound));
  }
  return references;
}

function readPerClusterWords(
  place: Place,
  problems: Problem[],
): { readonly sealed?: string | undefined; readonly unbound?: true | undefined } {
  if (isMapping(place.value) || !place.whole) return readFields(place, sealedWords, problems);
  const literal = typeof place.value === 'string' || typeof place.value === 'number';
  problems.push(
    literal
      ? problemAt(
          place,
          `${nameOf(place.path)}: a credential does not belong in the file`,
          `\`hikyaku seal ${place.path.join('.')}\` seals it`,
        )
      : wrongKind(place, 'a mapping with `sealed`'),
  );
  return {};
}
