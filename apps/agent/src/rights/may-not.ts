import type { RightsOptions, Statement } from './statement.ts';

/** What the API server refuses, whatever the config says and whoever holds the token. */
export function mayNot({ agent, names, restarts }: RightsOptions): readonly Statement[] {
  const label = `hikyaku.dev/agent=${agent}`;
  return [
    {
      id: 'read-secrets',
      text: `read a Secret outside of ${agent}, not even one that it wrote: no get, no list, no watch. Nor list those of ${agent}`,
      rules: [],
    },
    {
      id: 'patch-secrets',
      text: 'patch or apply a Secret: the answer shows all of it, so a right to patch is a right to read',
      rules: [],
    },
    {
      id: 'delete-many',
      text: 'delete many Secrets by one request, or in a way whose answer would show them',
      rules: ['policy own-label: deletion'],
    },
    {
      id: 'touch-others',
      text: `change or delete a Secret that does not carry ${label}, also as a dry run, or put this label on one that exists. Its owner can`,
      rules: ['policy own-label: not ours'],
    },
    {
      id: 'drop-label',
      text: 'write a Secret without this label, or with that of another agent',
      rules: ['policy own-label: label'],
    },
    {
      id: 'merge-more',
      text: 'change the type, labels, annotations, owners or finalizers of what it merges into, make it immutable, or delete it',
      rules: ['policy own: merge'],
    },
    {
      id: 'reserved-namespaces',
      text: 'create or change a Secret in a namespace that the grants reserve. One there that carries its label it can delete',
      rules: ['policy own: namespace'],
    },
    {
      id: 'other-names',
      text:
        names === undefined
          ? 'create or change a Secret that is not among the names of the grants, where they have such a list. Here they have none'
          : `create or change a Secret that is not among the names of the grants (${names} here)`,
      rules: ['policy own: name'],
    },
    {
      id: 'other-types',
      text: 'write a Secret of a type that is not granted. One type would be filled with the token of any account',
      rules: ['policy own: type'],
    },
    {
      id: 'other-metadata',
      text: 'set a label or an annotation that is not granted, as other controllers take some for orders; nor pass for managed by another tool',
      rules: ['policy own: labels', 'policy own: annotations', 'policy own: values'],
    },
    {
      id: 'owners',
      text: 'set ownerReferences or finalizers on a Secret',
      rules: ['policy own: owners'],
    },
    {
      id: 'made-up-names',
      text: 'let the API server make up the name of a Secret',
      rules: ['policy own: generateName'],
    },
    {
      id: 'own-namespace-names',
      text: `write a Secret of ${agent} whose name does not begin with hikyaku-, such as a credential that people keep there`,
      rules: ['policy own-label: own namespace'],
    },
    {
      id: 'without-grants',
      text: `create or change any Secret while the ConfigMap hikyaku-grants is missing, or one of its lists. While it is missing nobody else can create or change a Secret with a label of the agent either: the API server refuses before it looks who asks. Deleting waits for nothing`,
      rules: [
        'policy own: grants',
        'binding own: denies without parameters',
        'binding own-merge: denies without parameters',
      ],
    },
    {
      id: 'own-objects-metadata',
      text: 'put labels, annotations, owners or finalizers on its ConfigMaps and its Lease, or create a ConfigMap',
      rules: ['policy own-objects: labels', 'policy own-objects: annotations', 'policy own-objects: owners'],
    },
    {
      id: 'long-tokens',
      text: 'get a token for longer than an hour, or from its Pod one that outlives the Pod',
      rules: ['policy own-tokens: lifetime', 'policy own-tokens: pod'],
    },
    {
      id: 'other-accounts',
      text: 'get a token of another account, or act as somebody else',
      rules: [],
    },
    {
      id: 'own-rights',
      text: 'change its rights: roles, bindings, policies, the grants, the config',
      rules: [],
    },
    {
      id: 'anything-else',
      text: restarts
        ? 'read or change anything else: Pods, nodes, accounts, other ConfigMaps, custom resources'
        : 'read or change anything else: Pods, workloads, nodes, accounts, other ConfigMaps, custom resources',
      rules: [],
    },
  ].map((statement) => ({ section: 'may not', ...statement }));
}
