import { accessSync, readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { delimiter, join } from 'node:path';
import type { Cluster, KubeConfig } from '@kubernetes/client-node';
import { KubeConfig as KubeConfigClass } from '@kubernetes/client-node/dist/config.js';
import { KubeConfigError } from './kube-config-error.ts';
import { asRecord } from './plain-text.ts';
import { readKubeConfigFile } from './read-kube-config-file.ts';
import type { KubeConfigContents, KubeConfigUser } from './read-kube-config-file.ts';

export interface LoadKubeConfigOptions {
  /** A file; default: those of `KUBECONFIG`, or `~/.kube/config`. */
  readonly kubeconfig?: string | undefined;
  /** Default: the current context. */
  readonly context?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** True: the pod's ServiceAccount, whatever else is there. False: never. Default: in a pod, unless told otherwise. */
  readonly inCluster?: boolean | undefined;
  /** Where a pod's ServiceAccount is mounted. */
  readonly serviceAccountDirectory?: string | undefined;
}

export interface LoadedKubeConfig {
  readonly kubeConfig: KubeConfig;
  /** URL of the API server. */
  readonly server: string;
  readonly context: string;
  /** Of the context, or of the pod's ServiceAccount; else `default`. */
  readonly namespace: string;
  readonly inCluster: boolean;
}

const mountedServiceAccount = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Finds the cluster as kubectl does: several files in `KUBECONFIG` are merged, the first to name a thing wins. */
export function loadKubeConfig(options: LoadKubeConfigOptions): LoadedKubeConfig {
  const { env } = options;
  const told = options.kubeconfig !== undefined || options.context !== undefined || Boolean(env['KUBECONFIG']);
  if (options.inCluster ?? (Boolean(env['KUBERNETES_SERVICE_HOST']) && !told)) {
    return loadServiceAccount(env, options.serviceAccountDirectory ?? mountedServiceAccount);
  }
  const files = filesToRead(options);
  const merged = merge(files.map(readKubeConfigFile));
  const from = files.join(', ');
  const name = options.context ?? merged.currentContext;
  const available = merged.contexts.map((context) => context.name).join(', ') || 'none';
  if (name === undefined || name === '') {
    throw new KubeConfigError(`${from} has no current context; name one of: ${available}`);
  }
  const context = merged.contexts.find((candidate) => candidate.name === name);
  if (context === undefined) {
    throw new KubeConfigError(`there is no context "${name}" in ${from}; there are: ${available}`);
  }
  const cluster = merged.clusters.find((candidate) => candidate.name === context.cluster);
  if (cluster === undefined) {
    throw new KubeConfigError(
      `context "${name}" names cluster "${context.cluster}", which ${from} does not have, or without a server`,
    );
  }
  const user = merged.users.find((candidate) => candidate.name === context.user);
  if (user === undefined && context.user !== undefined) {
    throw new KubeConfigError(`context "${name}" names user "${context.user}", which ${from} does not have`);
  }
  if (user?.unsupported !== undefined) {
    throw new KubeConfigError(`user "${user.name}" in ${from} uses ${user.unsupported}`);
  }
  const kubeConfig = new KubeConfigClass();
  const anonymous = 'anonymous'; // KubeConfig ignores the CA of a context without a user
  kubeConfig.loadFromOptions({
    clusters: [cluster],
    users: [user === undefined ? { name: anonymous } : withExecInfo(user, cluster)],
    contexts: [{ ...context, user: user?.name ?? anonymous }],
    currentContext: name,
  });
  return {
    kubeConfig,
    server: cluster.server,
    context: name,
    namespace: context.namespace ?? 'default',
    inCluster: false,
  };
}

function filesToRead({ kubeconfig, env }: LoadKubeConfigOptions): readonly string[] {
  if (kubeconfig !== undefined) {
    if (!exists(kubeconfig)) throw new KubeConfigError(`there is no kubeconfig ${kubeconfig}`);
    return [kubeconfig];
  }
  const listed = env['KUBECONFIG'];
  if (listed) {
    const files = listed.split(delimiter).filter((file) => file !== '');
    // As in kubectl, those that are missing do not matter as long as one is there.
    const present = files.filter(exists);
    if (present.length === 0) throw new KubeConfigError(`KUBECONFIG names no file that exists: ${files.join(', ')}`);
    return present;
  }
  const home = env['HOME'] ?? env['USERPROFILE'];
  const file = home ? join(home, '.kube', 'config') : undefined;
  if (file === undefined || !exists(file)) {
    throw new KubeConfigError(
      `there is no kubeconfig${file === undefined ? '' : ` ${file}`}: set KUBECONFIG, or name the file`,
    );
  }
  return [file];
}

function merge(all: readonly KubeConfigContents[]): KubeConfigContents {
  return {
    clusters: all.flatMap(({ clusters }) => clusters),
    users: all.flatMap(({ users }) => users),
    contexts: all.flatMap(({ contexts }) => contexts),
    currentContext: all.map(({ currentContext }) => currentContext).find(Boolean),
  };
}

function loadServiceAccount(env: Readonly<Record<string, string | undefined>>, directory: string): LoadedKubeConfig {
  const host = env['KUBERNETES_SERVICE_HOST'];
  const tokenFile = join(directory, 'token');
  if (!host) throw new KubeConfigError('not in a pod: KUBERNETES_SERVICE_HOST is not set');
  if (!exists(tokenFile)) {
    throw new KubeConfigError(
      `the pod has no ServiceAccount token ${tokenFile}: set automountServiceAccountToken: true`,
    );
  }
  const server = `https://${isIPv6(host) ? `[${host}]` : host}:${env['KUBERNETES_SERVICE_PORT'] ?? '443'}`;
  const context = 'in-cluster';
  const namespaceFile = join(directory, 'namespace');
  const namespace = exists(namespaceFile) ? readFileSync(namespaceFile, 'utf8').trim() : 'default';
  const kubeConfig = new KubeConfigClass();
  kubeConfig.loadFromOptions({
    clusters: [{ name: context, server, caFile: join(directory, 'ca.crt'), skipTLSVerify: false }],
    users: [{ name: context, authProvider: { name: 'tokenFile', config: { tokenFile } } }],
    contexts: [{ name: context, cluster: context, user: context, namespace }],
    currentContext: context,
  });
  return { kubeConfig, server, context, namespace, inCluster: true };
}

/** Plugins expect to be told for what version of the protocol, and, where they ask, for which cluster. */
function withExecInfo(user: KubeConfigUser, cluster: Cluster): KubeConfigUser {
  if (!user.exec) return user;
  const exec = asRecord(user.exec);
  const info = {
    apiVersion: exec['apiVersion'] ?? 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    spec: {
      interactive: false,
      ...(exec['provideClusterInfo'] === true
        ? {
            cluster: {
              server: cluster.server,
              'tls-server-name': cluster.tlsServerName,
              'insecure-skip-tls-verify': cluster.skipTLSVerify || undefined,
              'certificate-authority-data':
                cluster.caData ?? (cluster.caFile ? readFileSync(cluster.caFile).toString('base64') : undefined),
              'proxy-url': cluster.proxyUrl,
            },
          }
        : {}),
    },
  };
  const env = Array.isArray(exec['env']) ? (exec['env'] as readonly unknown[]) : [];
  return {
    ...user,
    exec: { ...exec, env: [...env, { name: 'KUBERNETES_EXEC_INFO', value: JSON.stringify(info) }] },
  };
}

function exists(file: string): boolean {
  try {
    accessSync(file);
    return true;
  } catch {
    return false;
  }
}
