import type { HeldGrants } from '../grants/held-grants.ts';
import type { Statement } from './statement.ts';

/** What grants say: first what the API server goes by, then what the agent itself keeps to. */
export function granted({ grants, policy }: HeldGrants): readonly Statement[] {
  const { types, reservedNamespaces, metadataPrefixes, names, restarts } = policy;
  return [
    byApiServer('grant-types', types, {
      some: 'Secrets of these types',
      none: 'Secrets of no type at all, outside of its own namespace',
      missing: 'no Secret at all, as the list of types is missing',
    }),
    byApiServer('grant-namespaces', reservedNamespaces, {
      some: 'no Secret in these namespaces',
      none: 'Secrets in every namespace',
      missing: 'no Secret at all, as the list of reserved namespaces is missing',
    }),
    byApiServer('grant-metadata', metadataPrefixes, {
      some: 'labels and annotations with these keys, or of these prefixes, besides its own',
      none: 'no labels and annotations besides its own',
      missing: 'no Secret at all, as the list of labels is missing',
    }),
    byApiServer('grant-names', names, {
      some: 'exactly these Secrets',
      none: 'no Secret at all, outside of its own namespace',
      missing: 'Secrets of any name: there is no list',
    }),
    byApiServer('grant-restarts', restarts, {
      some: 'restarts of these workloads',
      none: 'no restarts',
      missing: 'no restarts',
    }),
    byAgent('grant-origins', grants.origins, {
      some: 'requests for sources go only to these origins',
      none: 'no source is reached',
      missing:
        'requests for sources go to any origin but what surrounds the agent. Who writes the config could send values elsewhere',
    }),
    byAgent('grant-pushes', pushesOf(grants), { some: 'Secrets carried to a source', none: 'nothing is pushed' }),
    byAgent('grant-plugins', [...grants.plugins.keys()], {
      some: 'code of others, by its digest, with all rights of the agent',
      none: 'no code of others runs',
    }),
    byAgent('grant-files', grants.files === undefined ? [] : [grants.files], {
      some: 'files below the folder of the config, and below this one',
      none: 'no file outside of the folder of the config',
    }),
  ];
}

interface Words {
  readonly some: string;
  readonly none: string;
  readonly missing?: string;
}

function byApiServer(id: string, list: Iterable<string> | undefined, { some, none, missing = none }: Words): Statement {
  const entries = [...(list ?? [])].filter((entry) => entry !== '');
  const text = list === undefined ? missing : entries.length === 0 ? none : some;
  return { id, section: 'granted', text, rules: [], entries };
}

function byAgent(id: string, list: Iterable<string> | undefined, words: Words): Statement {
  const statement = byApiServer(id, list, words);
  return { ...statement, text: `${statement.text} (kept by the agent, not by the API server)` };
}

function pushesOf({ pushes }: HeldGrants['grants']): readonly string[] {
  return pushes.map(({ from, to }) => `${from} to ${to}`);
}
