import { createHash } from 'node:crypto';
import type { InventoryEntry } from './inventory.ts';
import type { Fingerprint, PutResult } from './target.ts';

/** What uses a Secret has to be restarted, as its data has changed. */
export interface OwedRestart {
  /** Tells this change from every other one, and nothing about the values. */
  readonly change: string;
  /** Names of the keys that changed, in order. */
  readonly keys: readonly string[];
}

/** What would be owed once this is put over what the entry says; `undefined` where the data stays, or was never put before. */
export function restartFor(entry: InventoryEntry | undefined, wanted: Fingerprint): OwedRestart | undefined {
  // Only what was put before has been seen by a Pod.
  if (entry?.shape === undefined) return undefined;
  const keys = changedKeys(entry, wanted);
  return keys.length === 0 ? undefined : { keys, change: changeOf(entry, wanted) };
}

/**
 * What is owed after a put. The announcement may be of an earlier process, whose put came through or did not: it counts where just
 * this was put, and the Secret is not as it was before.
 */
export function restartAfter(
  entry: InventoryEntry | undefined,
  written: Fingerprint,
  result: PutResult,
): OwedRestart | undefined {
  const { owedRestart, announcedRestart } = entry ?? {};
  if (entry === undefined || announcedRestart?.change !== changeOf(entry, written)) return owedRestart;
  if (!isWritten(entry, written, result)) return owedRestart;
  const keys = new Set([...(owedRestart?.keys ?? []), ...announcedRestart.keys]);
  return { change: announcedRestart.change, keys: [...keys].toSorted() };
}

/** With a lost key of the HMACs everything looks changed, and nothing is. */
function isWritten(entry: InventoryEntry, written: Fingerprint, { outcome, resourceVersion }: PutResult): boolean {
  if (outcome !== 'unchanged' || resourceVersion !== entry.resourceVersion) return true;
  if (entry.existing !== 'merge') return false;
  // Others change that Secret too, so that its version says nothing.
  return changedKeys(entry, written).every((key) => {
    const text = written.keys.get(key);
    return text === undefined || entry.keys.get(key)?.intended?.includes(text) === true;
  });
}

function changedKeys({ keys: before }: InventoryEntry, { keys: wanted }: Fingerprint): readonly string[] {
  const changed = [...wanted].filter(([key, text]) => before.get(key)?.fingerprint !== text).map(([key]) => key);
  const removed = [...before.keys()].filter((key) => !wanted.has(key));
  return [...changed, ...removed].toSorted();
}

/** The same again after a crash; another one when the data comes back to what it was. */
function changeOf({ resourceVersion = '' }: InventoryEntry, { keys }: Fingerprint): string {
  const sorted = [...keys].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify([resourceVersion, sorted]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 12);
}
