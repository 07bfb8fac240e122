import { refId } from '@hikyaku/core';
import type { SecretRef, Snapshot } from '@hikyaku/core';
import { matchGlob } from './glob.ts';
import type { BulkItem, SecretSpec } from './secret-spec.ts';

/** What of a source the config asks for. */
export interface Demand {
  readonly refs: readonly SecretRef[];
  /** Each once, in an order that does not depend on the config's. */
  readonly bulk: readonly Selector[];
}

/** Which names a bulk item takes. */
export type Selector = Pick<BulkItem, 'include' | 'exclude'>;

/** What all specs together ask of each source. */
export function demands(specs: readonly SecretSpec[]): ReadonlyMap<string, Demand> {
  const wanted = new Map<string, { refs: Map<string, SecretRef>; bulk: Map<string, Selector> }>();
  function of(source: string): { refs: Map<string, SecretRef>; bulk: Map<string, Selector> } {
    const demand = wanted.get(source) ?? { refs: new Map(), bulk: new Map() };
    wanted.set(source, demand);
    return demand;
  }
  for (const { bulk, items } of specs) {
    for (const { source, include, exclude } of bulk)
      of(source).bulk.set(JSON.stringify([include, exclude]), { include, exclude });
    for (const { source, ref } of items.values()) of(source).refs.set(refId(ref), ref);
  }
  return new Map([...wanted].map(([source, { refs, bulk }]) => [source, { refs: sorted(refs), bulk: sorted(bulk) }]));
}

function sorted<T>(map: ReadonlyMap<string, T>): readonly T[] {
  return [...map].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
}

/** What the stars of the first glob that fits have matched; `undefined` when the selector does not take the name. */
export function selects({ include, exclude }: Selector, name: string): readonly string[] | undefined {
  if (exclude.some((glob) => matchGlob(glob, name) !== undefined)) return undefined;
  for (const glob of include) {
    const captures = matchGlob(glob, name);
    if (captures !== undefined) return captures;
  }
  return undefined;
}

/** Whether a bulk item of the demand takes the name. */
export function wantsName({ bulk }: Demand, name: string): boolean {
  return bulk.some((selector) => selects(selector, name) !== undefined);
}

/** The part of a snapshot that is in use. Its revision stays true: "unchanged" says the same of a part. */
export function inUse(demand: Demand, { secrets, unknown, revision }: Snapshot): Snapshot {
  const refs = new Set(demand.refs.map(refId));
  const isUsed = ([id]: readonly [string, unknown]) => refs.has(id) || (!id.includes('\0') && wantsName(demand, id));
  const part = new Map([...(unknown ?? [])].filter(isUsed));
  return {
    secrets: new Map([...secrets].filter(isUsed)),
    ...(part.size > 0 && { unknown: part }),
    // What is unknown and not used does not come back with the part, so nothing may stand for the whole.
    ...(revision !== undefined && (unknown?.size ?? 0) === 0 && { revision }),
  };
}
