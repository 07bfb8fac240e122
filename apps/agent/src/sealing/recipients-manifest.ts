import { AGENT_LABEL, FIRST_KEY_FILE, OWN } from '@hikyaku/kubernetes';

/** How an identity is written out for the cluster that it is for. */
export type ManifestFormat = 'secret' | 'k3s' | 'talos';

/**
 * The Secret that the agent would have made itself. `k3s`: a file for the server's folder of manifests
 * (https://docs.k3s.io/installation/packaged-components). `talos`: a patch of the machine config of a control plane
 * (https://docs.siderolabs.com/talos/v1.10/kubernetes-infrastructure-and-management/inlinemanifests). Both bring the namespace, as they come before anything else.
 */
export function identityManifest(keyFile: string, namespace: string, format: ManifestFormat): string {
  const secret = secretManifest(keyFile, namespace);
  if (format === 'secret') return secret;
  const both = `${namespaceManifest(namespace)}---\n${secret}`;
  if (format === 'k3s') return both;
  return `cluster:\n  inlineManifests:\n    - name: ${OWN.identity}\n      contents: |\n${indent(both, 8)}`;
}

function namespaceManifest(namespace: string): string {
  return `apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ${namespace}\n`;
}

function secretManifest(keyFile: string, namespace: string): string {
  return `apiVersion: v1
kind: Secret
metadata:
  name: ${OWN.identity}
  namespace: ${namespace}
  labels:
    ${AGENT_LABEL}: ${namespace}
    app.kubernetes.io/managed-by: hikyaku
type: Opaque
stringData:
  ${FIRST_KEY_FILE}: |
${indent(keyFile, 4)}`;
}

function indent(text: string, spaces: number): string {
  return text.replaceAll(/^(?=.)/gm, ' '.repeat(spaces));
}
