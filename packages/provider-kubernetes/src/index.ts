import { defineProvider, ProviderError } from '@hikyaku/core';
import { kubernetesConfig, serverAddress } from './kubernetes-config.ts';
import type { KubernetesConfig } from './kubernetes-config.ts';
import type { KubernetesContext } from './kubernetes-context.ts';
import { KubernetesSecretsClient } from './kubernetes-secrets-client.ts';
import { OtherCluster } from './other-cluster.ts';
import { ownCluster } from './own-cluster.ts';
import type { Cluster } from './cluster.ts';

export type { KubernetesConfig } from './kubernetes-config.ts';
export type { KubernetesContext, OwnCluster } from './kubernetes-context.ts';

const KUBECONFIG = 'kubeconfig';

/** Named Secrets of one namespace, of another cluster or of the agent's own; a name is `<secret>/<key>`. */
export default defineProvider({
  type: 'kubernetes',
  config: kubernetesConfig,
  credentials: [{ path: KUBECONFIG }],
  describe({ server, namespace }) {
    if (server === undefined) return { identity: `kubernetes own ${namespace}`, origins: [] };
    return { identity: `kubernetes ${serverAddress(server)} ${namespace}`, origins: [new URL(server).origin] };
  },
  connect(config, context: KubernetesContext) {
    return new KubernetesSecretsClient(config, clusterOf(config, context), context);
  },
});

function clusterOf(config: KubernetesConfig, context: KubernetesContext): Cluster {
  const { server, namespace } = config;
  const hasKubeconfig = context.credentialPaths.includes(KUBECONFIG);
  if (server === undefined && !hasKubeconfig) return ownCluster(context.ownCluster, namespace);
  if (server !== undefined && hasKubeconfig) return new OtherCluster(server, config, context);
  throw new ProviderError(
    'INVALID_CONFIG',
    server === undefined
      ? '`kubeconfig` needs `server`, the address that stands in it, so that requests can reach no other: see kubectl config view --minify'
      : '`server` needs `kubeconfig`: where the credential for it is kept',
  );
}
