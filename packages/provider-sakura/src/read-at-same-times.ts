import type { Snapshot } from '@hikyaku/core';

/** A later time of reading is something new: it is kept with the value, or a restart would read it again. */
export function readAtSameTimes(a: Snapshot, b: Snapshot): boolean {
  for (const [id, { readAt }] of b.secrets) if (a.secrets.get(id)?.readAt !== readAt) return false;
  return true;
}
