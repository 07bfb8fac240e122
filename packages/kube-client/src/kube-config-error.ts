/** The kubeconfig does not say how to reach a cluster. The message names the file or context and what to do. */
export class KubeConfigError extends Error {
  override readonly name = 'KubeConfigError';
  readonly code = 'INVALID_KUBECONFIG';
}
