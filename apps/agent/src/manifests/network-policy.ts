import { HEALTH_PORT } from './workload.ts';
import type { Destination, Install } from './install.ts';

export function networkPolicy(install: Install): string {
  return `# What the Pod may reach and who may reach it, as far as a NetworkPolicy can say it; and only where the cluster's network enforces them.
# What it cannot say:
#  - names. Whoever got hold of the Pod reaches any address at these ports; the agent itself goes only to the origins of its config that are
#    granted. A network that knows names (Cilium, Calico) can be told them: \`hikyaku grants\` lists the origins.
#  - where the API server is: its address differs from cluster to cluster, and is none of a Pod. Where it listens at another port than those below
#    (minikube 8443, MicroK8s 16443), or the DNS does (OpenShift 5353), a NetworkPolicy of your own beside this one adds that port.
#  - the kubelet: probes come from the node, which every network lets through.
# kubectl port-forward goes past it, so the page needs no rule.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: hikyaku
  namespace: hikyaku
spec:
  podSelector:
    matchLabels: { app.kubernetes.io/name: hikyaku }
  policyTypes: [Ingress, Egress]
  ingress:
    # Metrics. Where Prometheus is in another namespace, say that one.
    - from:
        - namespaceSelector:
            matchLabels: { kubernetes.io/metadata.name: monitoring }
      ports:
        - { port: ${HEALTH_PORT}, protocol: TCP }
${receiver(install)}  egress:
    # Names: by the cluster's DNS, which may be on the node.
    - ports:
        - { port: 53, protocol: UDP }
        - { port: 53, protocol: TCP }
    # The API server, and sources behind https.
    - ports:
        - { port: 443, protocol: TCP }
        - { port: 6443, protocol: TCP }
${destinations(install.destinations)}`;
}

function receiver({ settings }: Install): string {
  if (!settings.receiver) return '';
  return `    # Notices of changes, each of them signed: from wherever your ingress is.
    - ports:
        - { port: ${settings.receiver}, protocol: TCP }
`;
}

function destinations(all: readonly Destination[]): string {
  if (all.length === 0) return '';
  const rules = all.map(({ address, port }) => {
    const to =
      address === undefined
        ? ''
        : `to: [{ ipBlock: { cidr: ${address}/${address.includes(':') ? 128 : 32} } }]\n      `;
    return `    - ${to}ports:\n        - { port: ${port}, protocol: TCP }\n`;
  });
  return `    # Other ports at which the config has sources.\n${rules.join('')}`;
}
