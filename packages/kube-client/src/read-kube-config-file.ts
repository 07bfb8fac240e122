import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Cluster, Context, User } from '@kubernetes/client-node';
import { newClusters, newContexts, newUsers } from '@kubernetes/client-node/dist/config_types.js';
import { KubeConfigError } from './kube-config-error.ts';
import { networkCodeOf } from './network-error.ts';
import { entriesOf, parseKubeConfig } from './parse-kube-config.ts';
import { asRecord } from './plain-text.ts';

export interface KubeConfigContents {
  readonly clusters: readonly Cluster[];
  readonly users: readonly KubeConfigUser[];
  readonly contexts: readonly Context[];
  readonly currentContext: string | undefined;
}

export interface KubeConfigUser extends User {
  /** What of it we cannot do; matters only when the user is chosen. */
  readonly unsupported?: string | undefined;
}

type Raw = Readonly<Record<string, unknown>>;

/** One file, its relative paths resolved from its folder, read as kubectl does where KubeConfig differs. */
export function readKubeConfigFile(file: string): KubeConfigContents {
  const contents = parse(file);
  const directory = dirname(resolve(file));
  // One broken entry must not stop those who use another.
  const lenient = { onInvalidEntry: 'filter' } as const;
  const currentContext = contents['current-context'];
  return {
    clusters: newClusters(contents['clusters'], lenient).map((cluster) => completeCluster(cluster, directory)),
    users: entriesOf(contents['users']).flatMap((entry) => {
      // Not passed on: KubeConfig would read it once, here and now.
      const { 'token-file': _, ...user } = asRecord(entry['user']);
      return newUsers([{ ...entry, user }], lenient).map((known) => completeUser(known, user, directory));
    }),
    contexts: newContexts(contents['contexts'], lenient),
    currentContext: typeof currentContext === 'string' ? currentContext : undefined,
  };
}

function parse(file: string): Raw {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new KubeConfigError(`the kubeconfig ${file} cannot be read (${networkCodeOf(error)})`);
  }
  return parseKubeConfig(text, `the kubeconfig ${file}`);
}

function completeCluster(cluster: Cluster, directory: string): Cluster {
  const { caFile, ...rest } = cluster;
  return caFile && !cluster.caData ? { ...rest, caFile: resolve(directory, caFile) } : rest;
}

function completeUser(user: User, raw: Raw, directory: string): KubeConfigUser {
  const { certFile, keyFile, token, authProvider, ...rest } = user;
  const tokenFile = raw['tokenFile'];
  return {
    ...rest,
    ...(certFile && !user.certData ? { certFile: resolve(directory, certFile) } : {}),
    ...(keyFile && !user.keyData ? { keyFile: resolve(directory, keyFile) } : {}),
    ...(typeof tokenFile === 'string' && tokenFile !== ''
      ? {
          authProvider: { name: 'tokenFile', config: { tokenFile: resolve(directory, tokenFile) } },
        }
      : { authProvider, ...(token === undefined ? {} : { token }) }),
    ...(user.exec ? { exec: completeExec(asRecord(user.exec), directory) } : {}),
    unsupported: unsupported(raw),
  };
}

/** kubectl looks for a relative command with a slash in it beside the file, any other in PATH. */
function completeExec(exec: Raw, directory: string): Raw {
  const command = exec['command'];
  if (typeof command !== 'string' || !/[/\\]/.test(command)) return exec;
  return { ...exec, command: resolve(directory, command) };
}

function unsupported(raw: Raw): string | undefined {
  const provider = asRecord(raw['auth-provider'])['name'];
  if (provider === 'gcp' || provider === 'azure') {
    return `auth-provider ${provider}, which kubectl dropped in 1.26 too: use its exec plugin`;
  }
  // Left out they would give other rights than the ones asked for.
  const impersonation = ['as-groups', 'as-uid', 'as-user-extra'].find((field) => raw[field] !== undefined);
  return impersonation === undefined ? undefined : `${impersonation}, which is not supported; as is`;
}
