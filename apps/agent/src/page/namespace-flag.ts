import { DEFAULT_NAMESPACE } from '../global-options.ts';

/** What a `hikyaku` line to copy needs besides, so that it is about the agent whose page it stands on. */
export function namespaceFlag(namespace: string): string {
  return namespace === DEFAULT_NAMESPACE ? '' : ` --namespace ${namespace}`;
}
