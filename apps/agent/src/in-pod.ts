import type { Edge } from './edge.ts';
import type { GlobalOptions } from './global-options.ts';

/**
 * Whether the config is not to be trusted further than the grants go: in a pod somebody else may have written it. By the variable that the
 * kubelet gives to every container, also to one without a ServiceAccount's token, which is then no less careful.
 */
export function isInPod({ env }: Pick<Edge, 'env'>): boolean {
  return Boolean(env['KUBERNETES_SERVICE_HOST']);
}

/** Whether the API server is asked with the ServiceAccount of the pod: in one, and no kubeconfig is named. Without its token nothing is asked. */
export function hasPodAccount(
  { kubeconfig, context }: Pick<GlobalOptions, 'kubeconfig' | 'context'>,
  { env }: Pick<Edge, 'env'>,
): boolean {
  const isTold = kubeconfig !== undefined || context !== undefined || Boolean(env['KUBECONFIG']);
  return isInPod({ env }) && !isTold;
}
