import { overlap } from './clusters.ts';
import type { Clusters } from './clusters.ts';
import type { Position } from './config.ts';

/** What may be said once in each cluster, and where it was said. */
export class Claims {
  readonly #claims = new Map<string, { readonly clusters: Clusters; readonly position: Position }[]>();

  /** Where it was said first for one of these clusters; `undefined` when this is the first. */
  claim(what: string, clusters: Clusters, position: Position): Position | undefined {
    const claims = this.#claims.get(what) ?? [];
    this.#claims.set(what, claims);
    const first = claims.find((claim) => overlap(claim.clusters, clusters));
    if (first === undefined) claims.push({ clusters, position });
    return first?.position;
  }
}
