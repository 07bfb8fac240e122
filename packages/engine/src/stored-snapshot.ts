import { ProviderError, refId } from '@hikyaku/core';
import type { CallOptions, Snapshot } from '@hikyaku/core';
import { inUse } from './demand.ts';
import type { Demand } from './demand.ts';

/** The last good data of each source, kept where it survives a restart. Never throws but for the signal: what fails is said, and done without. */
export interface SnapshotArchive {
  /** Hands over what was kept before this process started, once. */
  take(source: string): StoredSnapshot | undefined;
  /** Replaces what is kept of a source; the same again writes nothing. */
  keep(source: string, stored: StoredSnapshot, options: CallOptions): Promise<void>;
}

export interface StoredSnapshot {
  /** Of the source's description: with another one it is other data. */
  readonly identity: string;
  /** Of `demandText`: what was in use. */
  readonly demand: string;
  /** Only what was in use. */
  readonly snapshot: Snapshot;
}

/** Equal for two demands that use the same of a source. */
function demandText({ refs, bulk }: Demand): string {
  return JSON.stringify([refs.map(refId), bulk.map(({ include, exclude }) => [include, exclude])]);
}

export function toStored(identity: string, demand: Demand, snapshot: Snapshot): StoredSnapshot {
  return { identity, demand: demandText(demand), snapshot: inUse(demand, snapshot) };
}

export interface Restored {
  /** For the provider: spares it requests. */
  readonly previous: Snapshot;
  /** In use while the source cannot be read; absent where it could pass for less than there was. */
  readonly lastGood?: Snapshot;
}

/** What a stored snapshot is good for under the demand of today. */
export function restore(stored: StoredSnapshot | undefined, identity: string, demand: Demand): Restored | undefined {
  if (stored?.identity !== identity) return undefined;
  const { snapshot } = stored;
  if (stored.demand === demandText(demand)) return { previous: snapshot, lastGood: snapshot };
  // It holds what was in use then. What is wanted now and is not there may exist all the same.
  const { revision: _, ...previous } = snapshot;
  if (demand.bulk.length > 0) return { previous };
  const unknown = new Map(previous.unknown);
  for (const ref of demand.refs) {
    const id = refId(ref);
    if (!previous.secrets.has(id)) unknown.set(id, new ProviderError('PENDING', 'it was not in use before'));
  }
  return { previous, lastGood: { ...previous, ...(unknown.size > 0 && { unknown }) } };
}
