import type { SecretValue } from '@hikyaku/core';
import type { PushedKey, PushInventory } from '@hikyaku/engine';
import { ConfigMapEntries } from './config-map-entries.ts';
import type { ConfigMapEntriesOptions } from './config-map-entries.ts';
import { hmac } from './hmac.ts';
import type { Access } from './ownership.ts';

export interface ConfigMapPushInventoryOptions extends ConfigMapEntriesOptions {
  readonly hmacKey: Uint8Array;
}

/** What was pushed, beside the inventory and in the same ConfigMap: names, versions and HMACs, one line per secret of a source. */
export class ConfigMapPushInventory extends ConfigMapEntries<PushedKey> implements PushInventory {
  readonly #hmacKey: Uint8Array;

  constructor({ hmacKey, ...options }: ConfigMapPushInventoryOptions) {
    super(options, { file: 'pushes.json', line: lineOf, parse: parseEntry });
    this.#hmacKey = hmacKey;
  }

  fingerprint(id: string, value: SecretValue): string {
    return hmac(this.#hmacKey, 'push', id, value.reveal());
  }
}

function lineOf({ identity, from, whenRemoved, written, fingerprint, version, writing }: PushedKey): string {
  return JSON.stringify({ identity, from, whenRemoved, written, fingerprint, version, writing });
}

function parseEntry(id: string, value: unknown, { agent }: Access): PushedKey | undefined {
  if (!/^[a-z0-9-]{1,40}\/./s.test(id) || typeof value !== 'object' || value === null) return undefined;
  const { identity, from, whenRemoved, written, ...rest } = value as Readonly<Record<string, unknown>>;
  if (typeof identity !== 'string' || typeof from !== 'string' || typeof written !== 'boolean') return undefined;
  if (!/^[a-z0-9-]+\/[a-z0-9.-]+$/.test(from) || from.startsWith(`${agent}/`)) return undefined;
  // Unsure of what the entry had said, it is better to keep.
  if (whenRemoved !== 'delete' && whenRemoved !== 'keep') return undefined;
  const { fingerprint, version, writing } = rest;
  return {
    id,
    identity,
    from,
    whenRemoved,
    written,
    ...(typeof fingerprint === 'string' && { fingerprint }),
    ...(typeof version === 'string' && { version }),
    ...(typeof writing === 'string' && { writing }),
  };
}
