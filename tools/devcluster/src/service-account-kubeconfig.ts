import type { ClusterAccess } from './dev-cluster.ts';
import { writeKubeconfig } from './write-kubeconfig.ts';

export interface ServiceAccountKubeconfig {
  readonly namespace: string;
  readonly name: string;
  /** A token of that ServiceAccount, for example from a TokenRequest. */
  readonly token: string;
  /** The file to write. */
  readonly path: string;
}

/** Writes a kubeconfig (mode 0600) that speaks to `cluster` as a ServiceAccount, in that account's namespace, and returns its path. */
export async function writeServiceAccountKubeconfig(
  cluster: Pick<ClusterAccess, 'url' | 'caPath'>,
  { namespace, name, token, path }: ServiceAccountKubeconfig,
): Promise<string> {
  await writeKubeconfig(path, {
    url: cluster.url,
    caPath: cluster.caPath,
    user: `system:serviceaccount:${namespace}:${name}`,
    token,
    namespace,
  });
  return path;
}
