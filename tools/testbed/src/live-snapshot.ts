import type { Api } from './cluster.ts';
import { field } from './cluster.ts';
import { secretPath } from './live-secret.ts';

const SLOTS = 8;

/** The Secret that keeps the snapshot of a source, as `namespace/name`; `undefined` when none does. */
export async function snapshotSecretOf(admin: Api, source: string): Promise<string | undefined> {
  for (let slot = 0; slot < SLOTS; slot++) {
    const id = `hikyaku/hikyaku-snapshot-${slot}`;
    if (field((await admin('GET', secretPath(id))).body, 'data', source) !== undefined) return id;
  }
  return undefined;
}
