import type { GrantsData } from './grants-text.ts';

/**
 * What the policies `hikyaku-own` and `hikyaku-restarts` know of the grants. A list that is missing, other than `names` and `restarts`, makes the
 * first refuse to create or change anything.
 */
export interface PolicyGrants {
  readonly types?: ReadonlySet<string>;
  readonly reservedNamespaces?: ReadonlySet<string>;
  readonly metadataPrefixes?: readonly string[];
  /** Absent: no limit. */
  readonly names?: ReadonlySet<string>;
  /** `web/Deployment/web` or `web/*`; a missing list grants none. */
  readonly restarts?: ReadonlySet<string>;
}

/** Reads the lists as the policy of deploy/rights-own.yaml does, so that the two never disagree. */
export function readPolicyGrants(data: GrantsData): PolicyGrants {
  const { types, reservedNamespaces, metadataPrefixes, names, restarts } = data;
  return {
    ...(types !== undefined && { types: new Set(entriesOf(types)) }),
    ...(reservedNamespaces !== undefined && { reservedNamespaces: new Set(entriesOf(reservedNamespaces)) }),
    ...(metadataPrefixes !== undefined && {
      metadataPrefixes: entriesOf(metadataPrefixes).filter((entry) => entry !== ''),
    }),
    // The policy keeps these as one text, from which it takes spaces and line breaks and nothing else.
    ...(names !== undefined && { names: new Set(textEntriesOf(names)) }),
    ...(restarts !== undefined && { restarts: new Set(textEntriesOf(restarts).filter((entry) => entry !== '')) }),
  };
}

/** What the policy asks about a Secret that the config wants, as it stands in the config. */
export interface WantedSecret {
  readonly namespace: string;
  readonly name: string;
  readonly type: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** With `merge` its type, labels and annotations are its owner's, and nothing that is granted. */
  readonly existing?: 'refuse' | 'merge';
}

/** One reason why the policy would refuse a Secret; `what` is the entry that is missing, or that is in the way. */
export interface PolicyRefusal {
  readonly grant: 'types' | 'reservedNamespaces' | 'metadataPrefixes' | 'names';
  readonly what: string;
  /** The first word of the policy's own message. */
  readonly word: 'grants' | 'namespace' | 'name' | 'type' | 'labels' | 'annotations' | 'values';
}

const PRUNE = 'kustomize.toolkit.fluxcd.io/prune';
const OWN_LABELS = ['hikyaku.dev/agent', 'app.kubernetes.io/managed-by', PRUNE];
const OWN_ANNOTATIONS = ['hikyaku.dev/sources', 'app.kubernetes.io/managed-by', PRUNE];

/** All reasons, in the order of the policy; empty where it lets the Secret pass. Not for the agent's own namespace. */
export function policyRefusals(grants: PolicyGrants, secret: WantedSecret): readonly PolicyRefusal[] {
  const missing = (['types', 'reservedNamespaces', 'metadataPrefixes'] as const).filter(
    (grant) => grants[grant] === undefined,
  );
  if (missing.length > 0) return missing.map((grant) => ({ grant, what: '', word: 'grants' }));
  const { namespace, name, type, labels, annotations, existing } = secret;
  const refusals: PolicyRefusal[] = [];
  const refuse = (refusal: PolicyRefusal): number => refusals.push(refusal);
  const id = `${namespace}/${name}`;
  if (grants.reservedNamespaces?.has(namespace) === true) {
    refuse({ grant: 'reservedNamespaces', what: namespace, word: 'namespace' });
  }
  if (grants.names !== undefined && !grants.names.has(id)) refuse({ grant: 'names', what: id, word: 'name' });
  if (existing === 'merge') return refusals;
  if (type === '' || grants.types?.has(type) !== true) refuse({ grant: 'types', what: type, word: 'type' });
  const isGranted = (key: string): boolean =>
    !key.startsWith('hikyaku.dev/') &&
    (grants.metadataPrefixes ?? []).some((entry) => key === entry || (entry.endsWith('/') && key.startsWith(entry)));
  for (const key of Object.keys(labels)) {
    if (!OWN_LABELS.includes(key) && !isGranted(key)) refuse({ grant: 'metadataPrefixes', what: key, word: 'labels' });
  }
  for (const key of Object.keys(annotations)) {
    if (!OWN_ANNOTATIONS.includes(key) && !isGranted(key))
      refuse({ grant: 'metadataPrefixes', what: key, word: 'annotations' });
  }
  // The annotation of that name is written by the agent itself, whatever the config says.
  if (Object.hasOwn(labels, PRUNE) && labels[PRUNE] !== 'disabled')
    refuse({ grant: 'metadataPrefixes', what: PRUNE, word: 'values' });
  return refusals;
}

/** Whether the policy `hikyaku-restarts` lets this workload, `web/Deployment/web`, be restarted; with `web/*`: all of the namespace. */
export function grantsRestart({ restarts = new Set() }: PolicyGrants, workload: string): boolean {
  return restarts.has(workload) || restarts.has(`${workload.slice(0, workload.indexOf('/'))}/*`);
}

function textEntriesOf(list: string): readonly string[] {
  return list.replaceAll(/[ \n]/g, '').split(',');
}

/** White space as Go knows it, by which CEL's `trim()` goes; JavaScript's own `trim` takes U+FEFF and leaves U+0085. */
const SPACES = String.raw`[\t-\r \u0085\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000]+`;
const AT_THE_ENDS = new RegExp(`^${SPACES}|${SPACES}$`, 'g');

function entriesOf(list: string): readonly string[] {
  return list.split(',').map((entry) => entry.replaceAll(AT_THE_ENDS, ''));
}
