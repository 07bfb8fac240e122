import { readFileSync } from 'node:fs';
import type { Edge } from './edge.ts';
import { DEFAULT_NAMESPACE } from './global-options.ts';
import type { GlobalOptions } from './global-options.ts';
import { hasPodAccount } from './in-pod.ts';

const MOUNTED = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

/** The namespace that the agent lives in, which is also its id: as told, in a pod the pod's, else the default. */
export function ownNamespace(options: GlobalOptions, edge: Pick<Edge, 'env'>): string {
  if (options.namespace !== undefined) return options.namespace;
  if (!hasPodAccount(options, edge)) return DEFAULT_NAMESPACE;
  try {
    return readFileSync(MOUNTED, 'utf8').trim() || DEFAULT_NAMESPACE;
  } catch {
    return DEFAULT_NAMESPACE;
  }
}
