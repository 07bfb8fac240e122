import type { DesiredSecret, InventoryEntry, InventoryKey } from '@hikyaku/engine';
import type { SecretObject } from '@hikyaku/kube-client';
import { base64, fingerprintOfDesired, fingerprintOfValue } from './secret-object.ts';

/** What putting our keys into somebody else's Secret would do to it. */
export interface KeyMerge {
  /** Base64, the other keys as they were. */
  readonly data: Readonly<Record<string, string>>;
  /** By key, fingerprints of ours as they should be. */
  readonly wanted: ReadonlyMap<string, string>;
  /** The same as they are now. */
  readonly actual: ReadonlyMap<string, string>;
  /** Keys that are there, hold something else and were not put by us. */
  readonly conflicts: readonly string[];
  /** Whether anything changes. */
  readonly changes: boolean;
  /** Whether the inventory says of everything that is put that it is. */
  readonly announced: boolean;
}

export interface KeyMergeInput {
  readonly id: string;
  readonly live: SecretObject;
  /** Absent where our keys go. */
  readonly desired: DesiredSecret | undefined;
  readonly entry: InventoryEntry | undefined;
  readonly agent: string;
  readonly hmacKey: Uint8Array;
}

/**
 * Pure. A key is ours where the inventory says that we put it into this very Secret, or what it holds is what we put or were about
 * to. It is taken out only where it still holds that: another value is somebody else's by now.
 */
export function mergeKeys({ id, live, desired, entry, agent, hmacKey }: KeyMergeInput): KeyMerge {
  const before = new Map(Object.entries(live.data ?? {}));
  const wanted: ReadonlyMap<string, string> = desired ? fingerprintOfDesired(desired, agent, hmacKey).keys : new Map();
  const data = new Map(before);
  const actual = new Map<string, string>();
  const conflicts: string[] = [];
  let announced = true;

  for (const [key, { value }] of desired?.data ?? []) {
    const known = entry?.keys.get(key);
    const fingerprint = wanted.get(key) ?? '';
    const there = before.get(key);
    if (there !== undefined) {
      const holds = fingerprintOfValue(hmacKey, id, key, there);
      const putHere = known?.fingerprint !== undefined && entry?.uid === live.metadata.uid;
      const isOurs = putHere || (known !== undefined && isWhatWePut(holds, known));
      actual.set(key, holds);
      if (holds === fingerprint) continue;
      if (!isOurs) conflicts.push(key);
    }
    data.set(key, base64(value.reveal()));
    if (known === undefined || !isWhatWePut(fingerprint, known)) announced = false;
  }

  for (const [key, known] of entry?.keys ?? []) {
    const there = before.get(key);
    if (wanted.has(key) || there === undefined) continue;
    const holds = fingerprintOfValue(hmacKey, id, key, there);
    if (!isWhatWePut(holds, known)) continue;
    actual.set(key, holds);
    data.delete(key);
  }

  const changes = data.size !== before.size || [...data].some(([key, value]) => before.get(key) !== value);
  // An assignment would lose the key `__proto__`.
  return { data: Object.fromEntries(data), wanted, actual, conflicts, changes, announced };
}

function isWhatWePut(text: string, { fingerprint, intended = [] }: InventoryKey): boolean {
  return text === fingerprint || intended.includes(text);
}
