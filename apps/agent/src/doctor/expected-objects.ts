import { rightsFor } from '@hikyaku/kubernetes';
import { parseAllDocuments } from 'yaml';
import { rightsOwn, rightsRestarts } from '../manifests/rights-texts.ts';

export interface ExpectedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: unknown;
  readonly rules?: readonly Rule[];
  readonly roleRef?: unknown;
  readonly subjects?: unknown;
}

/** Of a Role or ClusterRole. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** One of the install files, as `kubectl apply` names it. */
export type RightsFile = 'deploy/rights-own.yaml' | 'deploy/rights-restarts.yaml';

const TEXTS: Readonly<Record<RightsFile, string>> = {
  'deploy/rights-own.yaml': rightsOwn,
  'deploy/rights-restarts.yaml': rightsRestarts,
};

/** What an install file makes for an agent, in its order. */
export function expectedObjects(agent: string, file: RightsFile): readonly ExpectedObject[] {
  const documents = parseAllDocuments(rightsFor(agent, TEXTS[file]));
  return documents.flatMap((document) => {
    const value: unknown = document.toJS();
    return value === null ? [] : [value as ExpectedObject];
  });
}

/** `/api/v1/namespaces/hikyaku/configmaps/hikyaku-status`; only of kinds that are in the file. */
export function pathOf({ apiVersion, kind, metadata: { name, namespace } }: ExpectedObject): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const plural = kind.endsWith('y') ? `${kind.slice(0, -1)}ies` : `${kind}s`;
  return `${root}${namespace === undefined ? '' : `/namespaces/${namespace}`}/${plural.toLowerCase()}/${name}`;
}

/** What the API server adds by itself to what it is given. */
const DEFAULTS: Readonly<Record<string, unknown>> = {
  matchPolicy: 'Equivalent',
  namespaceSelector: {},
  objectSelector: {},
  scope: '*',
};

/** Where a live object is another one than expected: a JSON pointer (RFC 6901). */
export interface Difference {
  readonly pointer: string;
  /** It is there and should not be: applying the file again leaves it. */
  readonly added: boolean;
}

/**
 * The first difference of a live value; `undefined` where there is none. It may have what the API server adds by itself, and nothing else: a
 * selector that somebody adds can switch a policy off.
 */
export function differenceOf(expected: unknown, live: unknown, pointer: string): Difference | undefined {
  if (Array.isArray(expected) && Array.isArray(live)) return differenceOfLists(expected, live, pointer);
  if (!isRecord(expected) || !isRecord(live)) return expected === live ? undefined : { pointer, added: false };
  const added = Object.keys(live).find(
    (key) => !(key in expected) && JSON.stringify(DEFAULTS[key]) !== JSON.stringify(live[key]),
  );
  if (added !== undefined) return { pointer: `${pointer}/${escaped(added)}`, added: true };
  return firstOf(
    Object.entries(expected).map(([key, one]) => differenceOf(one, live[key], `${pointer}/${escaped(key)}`)),
  );
}

function differenceOfLists(
  expected: readonly unknown[],
  live: readonly unknown[],
  pointer: string,
): Difference | undefined {
  if (live.length > expected.length) {
    const added = live.findIndex((one) => expected.every((wanted) => differenceOf(wanted, one, '') !== undefined));
    return { pointer: `${pointer}/${added === -1 ? expected.length : added}`, added: true };
  }
  if (live.length < expected.length) return { pointer, added: false };
  return firstOf(expected.map((one, index) => differenceOf(one, live[index], `${pointer}/${index}`)));
}

function firstOf(differences: readonly (Difference | undefined)[]): Difference | undefined {
  return differences.find((difference) => difference !== undefined);
}

function escaped(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
