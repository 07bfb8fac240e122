import { DEFAULT_GRANTS, grantsData } from '@hikyaku/config';
import type { GrantsData, WantedSecret } from '@hikyaku/config';

/** Grants as they stand in the ConfigMap, and Secrets that a config asks for under them. */
export interface PairGroup {
  readonly title: string;
  readonly data: GrantsData;
  readonly secrets: Readonly<Record<string, WantedSecret>>;
}

const PRUNE = 'kustomize.toolkit.fluxcd.io/prune';

/** Namespaces that the Secrets are for, besides those that every cluster has. */
export const NAMESPACES = ['web', 'web-1', 'flux-system', 'kube-systems', 'argocd'] as const;

const LISTS = listsOf(grantsData(DEFAULT_GRANTS));

export const PAIR_GROUPS: readonly PairGroup[] = [
  {
    title: 'the defaults',
    data: LISTS,
    secrets: {
      'an ordinary Secret': secret({}),
      'a Secret for basic authentication': secret({ type: 'kubernetes.io/basic-auth' }),
      'a type that is not in the list': secret({ type: 'example.com/type' }),
      'a type in another case': secret({ type: 'opaque' }),
      'a type that begins as one in the list': secret({ type: 'Opaque2' }),
      'a type with a space at its end': secret({ type: 'Opaque ' }),
      'a type that is the whole list': secret({ type: LISTS['types'] ?? '' }),
      'a reserved namespace': secret({ namespace: 'kube-system' }),
      'the last reserved namespace': secret({ namespace: 'argocd' }),
      'a namespace that begins as a reserved one': secret({ namespace: 'kube-systems' }),
      'a label below a prefix': secret({ labels: { 'app.kubernetes.io/part-of': 'x' } }),
      'an annotation below a prefix': secret({ annotations: { 'app.kubernetes.io/part-of': 'x' } }),
      'a label that nobody granted': secret({ labels: { team: 'x' } }),
      'an annotation that nobody granted': secret({ annotations: { team: 'x' } }),
      'a label of a domain that begins as the prefix': secret({ labels: { 'app.kubernetes.iox/name': 'x' } }),
      'a label of a domain below': secret({ labels: { 'x.app.kubernetes.io/name': 'x' } }),
      'the label by which Flux leaves it alone': secret({ labels: { [PRUNE]: 'disabled' } }),
      'the label by which Flux prunes it': secret({ labels: { [PRUNE]: 'enabled' } }),
      'the annotation by which Flux prunes it, which the agent overrules': secret({
        annotations: { [PRUNE]: 'enabled' },
      }),
      'one bad label among good ones': secret({ labels: { 'app.kubernetes.io/a': 'x', b: 'x' } }),
      'a Secret that is merged into, whatever its type': merged({}),
      'a Secret that is merged into, in a reserved namespace': merged({ namespace: 'flux-system' }),
      'all that is wrong at once': secret({ namespace: 'flux-system', type: 'a', labels: { a: 'x' } }),
    },
  },
  {
    title: 'types between spaces, line breaks and empty entries',
    data: {
      ...LISTS,
      types:
        ' Opaque ,\n  example.com/a,,\texample.com/b\r\n,example.com/two words,\u00A0example.com/nbsp\u00A0,\uFEFFexample.com/bom,\u0085example.com/nel\u2003,\v\fexample.com/feed,\u200Bexample.com/zero,\u180Eexample.com/vowel,',
    },
    secrets: {
      'the first': secret({}),
      'one after a line break': secret({ type: 'example.com/a' }),
      'one between a tab and a line break of Windows': secret({ type: 'example.com/b' }),
      'one with a space inside': secret({ type: 'example.com/two words' }),
      'half of it': secret({ type: 'example.com/two' }),
      'one between no-break spaces': secret({ type: 'example.com/nbsp' }),
      'one after a byte order mark, without it': secret({ type: 'example.com/bom' }),
      'one after a byte order mark, with it': secret({ type: '\uFEFFexample.com/bom' }),
      'one after a next-line character': secret({ type: 'example.com/nel' }),
      'one after feeds': secret({ type: 'example.com/feed' }),
      'one after a space of no width': secret({ type: 'example.com/zero' }),
      'one after a vowel separator': secret({ type: 'example.com/vowel' }),
    },
  },
  {
    title: 'no types',
    data: { ...LISTS, types: '' },
    secrets: {
      'an ordinary Secret': secret({}),
      'a type of a space': secret({ type: ' ' }),
      'a Secret that is merged into': merged({}),
    },
  },
  { title: 'types of nothing but a comma', data: { ...LISTS, types: ' , ' }, secrets: { ordinary: secret({}) } },
  {
    title: 'prefixes with and without a slash',
    data: { ...LISTS, metadataPrefixes: 'team, example.com/\n,,example.org,/, hikyaku.dev/,sub.example.net/a/,*' },
    secrets: {
      'the exact key': secret({ labels: { team: 'x' } }),
      'a key that begins as it': secret({ labels: { teams: 'x' } }),
      'the key in another case': secret({ labels: { Team: 'x' } }),
      'a key below the exact one': secret({ annotations: { 'team/a': 'x' } }),
      'a key below the prefix': secret({ labels: { 'example.com/a': 'x' } }),
      'the prefix without its slash': secret({ labels: { 'example.com': 'x' } }),
      'an entry without a slash': secret({ labels: { 'example.org': 'x' } }),
      'a key below an entry without a slash': secret({ labels: { 'example.org/a': 'x' } }),
      'a domain below': secret({ labels: { 'www.example.com/a': 'x' } }),
      'a key of the agent that does not exist': secret({ labels: { 'hikyaku.dev/other': 'x' } }),
      'an annotation of the agent that does not exist': secret({ annotations: { 'hikyaku.dev/other': 'x' } }),
      'the default, which is not there now': secret({ labels: { 'app.kubernetes.io/name': 'x' } }),
      'a key that a star would match': secret({ labels: { anything: 'x' } }),
      'no key at all': secret({}),
    },
  },
  {
    title: 'no prefixes',
    data: { ...LISTS, metadataPrefixes: '' },
    secrets: {
      'no key': secret({}),
      'a label': secret({ labels: { 'app.kubernetes.io/name': 'x' } }),
      'an annotation': secret({ annotations: { a: 'x' } }),
    },
  },
  {
    title: 'a prefix without its slash',
    data: { ...LISTS, metadataPrefixes: 'app.kubernetes.io' },
    secrets: { 'a key below it': secret({ labels: { 'app.kubernetes.io/name': 'x' } }) },
  },
  {
    title: 'reserved namespaces between spaces and line breaks',
    data: { ...LISTS, reservedNamespaces: ' web ,\n\n flux-system\t,Argocd,kube-,' },
    secrets: {
      'the first': secret({}),
      'one that begins as it': secret({ namespace: 'web-1' }),
      'one before a tab': secret({ namespace: 'flux-system' }),
      'one that stands there in another case': secret({ namespace: 'argocd' }),
      'one of the defaults, which is not there now': secret({ namespace: 'kube-public' }),
    },
  },
  {
    title: 'no reserved namespaces',
    data: { ...LISTS, reservedNamespaces: '' },
    secrets: { 'a namespace of the system': secret({ namespace: 'kube-system' }), another: secret({}) },
  },
  {
    title: 'names between spaces, line breaks, tabs and empty entries',
    data: { ...LISTS, names: 'web/app-env,\n  web/b ,flux-system/merged,, web/c\t,web/d\r\n,we b/e,argocd/f' },
    secrets: {
      'the first': secret({}),
      'one between a line break and a space': secret({ name: 'b' }),
      'one before a tab': secret({ name: 'c' }),
      'one before a line break of Windows': secret({ name: 'd' }),
      'one with a space inside': secret({ name: 'e' }),
      'one that begins as another': secret({ name: 'app-env-2' }),
      'the end of one': secret({ name: 'env' }),
      'the same name elsewhere': secret({ namespace: 'web-1' }),
      'one in a reserved namespace': secret({ namespace: 'argocd', name: 'f' }),
      'one that is not there': secret({ name: 'z' }),
      'one that is merged into, and is not there': merged({}),
    },
  },
  { title: 'no names', data: { ...LISTS, names: '' }, secrets: { ordinary: secret({}) } },
  { title: 'names of nothing but commas', data: { ...LISTS, names: ',\n,' }, secrets: { ordinary: secret({}) } },
  ...(['types', 'metadataPrefixes', 'reservedNamespaces'] as const).map((missing) => ({
    title: `without the list ${missing}`,
    data: Object.fromEntries(Object.entries(LISTS).filter(([key]) => key !== missing)),
    secrets: { ordinary: secret({}) },
  })),
  {
    title: 'what grants.yaml makes of lists with everything in them',
    data: listsOf(
      grantsData({
        ...DEFAULT_GRANTS,
        types: ['Opaque', 'example.com/a'],
        metadataPrefixes: ['team', 'example.com/'],
        reservedNamespaces: ['web-1'],
        names: ['web/app-env', 'web/b.c', 'web-1/app-env', 'flux-system/merged'],
      }),
    ),
    secrets: {
      'the first name': secret({}),
      'a name with a dot': secret({ name: 'b.c', type: 'example.com/a', labels: { team: 'x', 'example.com/x': 'x' } }),
      'another name': secret({ name: 'c' }),
      'a granted name in a reserved namespace': secret({ namespace: 'web-1' }),
      'another type': secret({ type: 'example.com/b' }),
      'a name that is merged into': merged({ namespace: 'flux-system' }),
    },
  },
];

function secret(more: Partial<WantedSecret>): WantedSecret {
  return { namespace: 'web', name: 'app-env', type: 'Opaque', labels: {}, annotations: {}, ...more };
}

/** Somebody else's, whose owner lets the agent change its data; the test makes it. */
function merged(more: Partial<WantedSecret>): WantedSecret {
  return secret({ name: 'merged', type: 'example.com/theirs', labels: { theirs: 'x' }, existing: 'merge', ...more });
}

function listsOf({ 'grants.yaml': _file, ...lists }: GrantsData): GrantsData {
  return lists;
}
