import * as z from 'zod';
import { readValue } from './fields.ts';
import type { Place } from './place.ts';
import { problemAt } from './problem.ts';
import type { Problem } from './problem.ts';
import { checkCluster } from './recipients.ts';
import type { KnownRecipients } from './recipients.ts';

export const clusterNames = z
  .array(z.string())
  .min(1, { error: 'must name at least one; without `clusters` it is for all of them' })
  .optional()
  .describe('The only clusters that this is for, by their names under `recipients`; all by default');

export type Clusters = ReadonlySet<string> | undefined;

/** Reads `clusters` of the entry at `place`. */
export function readClusters(place: Place, recipients: KnownRecipients, problems: Problem[]): Clusters {
  const list = place.children.get('clusters');
  const names = list && readValue(list, clusterNames, problems);
  if (list === undefined || names === undefined) return undefined;
  const clusters = new Set<string>();
  for (const [index, name] of names.entries()) {
    const item = list.children.get(index) ?? list;
    if (clusters.has(name)) problems.push(problemAt(item, `the cluster \`${name}\` stands here twice`, 'remove one'));
    else checkCluster(item, name, recipients, problems);
    clusters.add(name);
  }
  return clusters;
}

/** Whether some cluster is meant by both. */
export function overlap(a: Clusters, b: Clusters): boolean {
  return a === undefined || b === undefined || [...a].some((name) => b.has(name));
}
