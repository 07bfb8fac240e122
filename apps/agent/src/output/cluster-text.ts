import type { Cluster } from '../connect-cluster.ts';
import type { Style } from './style.ts';

/** Which cluster this is about, and for which agent: what one wants to have seen before it is too late. */
export function clusterText({ name, access }: Pick<Cluster, 'name' | 'access'>, style: Style): string {
  return `In ${style.strong(name)}, as the agent ${style.strong(access.agent)}:\n\n`;
}
