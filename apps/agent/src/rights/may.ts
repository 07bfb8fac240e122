import type { RightsOptions, Statement } from './statement.ts';

/** What deploy/rights-own.yaml lets the agent do. */
export function may({ agent }: RightsOptions): readonly Statement[] {
  const label = `hikyaku.dev/agent=${agent}`;
  return [
    {
      id: 'create-own',
      text: `create Secrets that carry the label ${label}, within the grants`,
      why: 'this is what it is for. The config says which; the grants say which are possible at all',
      rules: ['cluster: create secrets'],
    },
    {
      id: 'change-own',
      text: 'replace a Secret that carries this label, as a whole: what others have added to it goes',
      why: 'a value has changed at its source, or somebody has changed the Secret',
      rules: ['cluster: update secrets'],
    },
    {
      id: 'delete-own',
      text: 'delete a Secret that carries this label, whatever the grants say',
      why: 'its entry has left the config. A large part of them waits for a person',
      rules: ['cluster: delete secrets'],
    },
    {
      id: 'merge-data',
      text: `change the data, and nothing else, of a Secret to which its owner has given the label hikyaku.dev/merge=${agent}`,
      why: 'keys of its own in a Secret that a chart or an operator makes. That the other keys stay is its good will',
      rules: [],
    },
    {
      id: 'see-namespaces',
      text: 'get, list and watch namespaces',
      why: 'a Secret is written as soon as its namespace appears',
      rules: ['cluster: get namespaces', 'cluster: list namespaces', 'cluster: watch namespaces'],
    },
    {
      id: 'owner-role',
      text: 'read a single Secret elsewhere, where its owner has given it a Role for this one name',
      why: 'credentials, pushes, merges and instant repair need it. hikyaku rights role prints such a Role',
      rules: [],
    },
    ...inOwnNamespace(agent),
  ].map((statement) => ({ section: 'may', ...statement }));
}

function inOwnNamespace(agent: string): readonly Omit<Statement, 'section'>[] {
  const told = ['hikyaku-config', 'hikyaku-grants', 'hikyaku-request', 'hikyaku-approval'];
  const written = ['hikyaku-inventory', 'hikyaku-status', 'hikyaku-request', 'hikyaku-approval', 'hikyaku-identity'];
  return [
    {
      id: 'read-own-namespace',
      text: `get each Secret of its own namespace, ${agent}, if it knows the name`,
      why: 'its identity, its last good values, and credentials that people keep there for secretRef',
      rules: ['own namespace: get secrets'],
    },
    {
      id: 'write-own-namespace',
      text: `write Secrets of the type Opaque in ${agent} whose names begin with hikyaku-`,
      why: 'its identity, the key of its inventory, its last good config and values',
      rules: [],
    },
    {
      id: 'read-orders',
      text: `get and watch the ConfigMaps ${told.join(', ')} in ${agent}`,
      why: 'what people tell it',
      rules: told.flatMap((name) => ['get', 'watch'].map((verb) => `own namespace: ${verb} configmaps ${name}`)),
    },
    {
      id: 'write-own-objects',
      text: `update the ConfigMaps ${written.join(', ')} in ${agent}, which the install has made`,
      why: 'what it remembers and reports',
      rules: written.flatMap((name) => ['get', 'update'].map((verb) => `own namespace: ${verb} configmaps ${name}`)),
    },
    {
      id: 'hold-lease',
      text: `get, watch and update the Lease hikyaku in ${agent}`,
      why: 'of several replicas one writes',
      rules: ['get', 'watch', 'update'].map((verb) => `own namespace: ${verb} leases hikyaku`),
    },
    {
      id: 'write-events',
      text: `create and update Events in ${agent}`,
      why: 'so that kubectl shows what happened',
      rules: ['create', 'update'].map((verb) => `own namespace: ${verb} events`),
    },
    {
      id: 'ask-own-token',
      text: 'ask for tokens of its own account, for an hour at most; from its Pod, tokens that end with the Pod',
      why: 'a service that can check them needs no other credential',
      rules: ['own namespace: create serviceaccounts/token hikyaku'],
    },
  ];
}
