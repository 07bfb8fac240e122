import { dirname, resolve } from 'node:path';
import type { CredentialReference } from './config.ts';
import { credentialForms, credentialReference } from './credential-forms.ts';
import { readFields } from './fields.ts';
import { wrongKind } from './issues.ts';
import { readPerCluster, sealedAt, sealLine } from './per-cluster.ts';
import { isMapping, nameOf } from './place.ts';
import type { Place } from './place.ts';
import { problemAt, problemAtKey } from './problem.ts';
import type { Problem } from './problem.ts';
import type { KnownRecipients } from './recipients.ts';

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
  const named = credentialForms.filter((form) => Object.hasOwn(value, form));
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

const FORM_LIST = credentialForms
  .map((form) => `\`${form}\``)
  .join(', ')
  .replace(/, ([^,]*)$/, ' and $1');

function formsFor({ path }: Place): string {
  return `${sealLine(path)} seals it; or use \`{ env: NAME }\`, \`{ file: PATH }\` or \`{ secretRef: { name: NAME, key: KEY } }\``;
}
