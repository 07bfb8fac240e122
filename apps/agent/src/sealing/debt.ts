import type { Config, Recipient } from '@hikyaku/config';
import { fingerprintOf } from '@hikyaku/sealing';
import type { SealedHeader } from '@hikyaku/sealing';
import type { ValueSeen } from './lint-values.ts';

/** Somebody whose key opens a value, or an earlier form of it in the history. */
export interface Holder {
  readonly name: string;
  readonly fingerprint: string;
}

/** Who may open a value: everybody, or one cluster and the backup keys. */
export function allowed({ recipients }: Config, { cluster }: Pick<ValueSeen, 'cluster'>): readonly Recipient[] {
  return [...recipients.values()].filter(({ name, backup }) => cluster === undefined || name === cluster || backup);
}

/** Who can open the value as it stands and may not: removed from the config, or with a key that is no longer theirs. */
export function intruders(config: Config, value: ValueSeen, header: SealedHeader): readonly Holder[] {
  const keys = keysOf(allowed(config, value));
  return holders(header.recipients).filter(({ fingerprint }) => !keys.has(fingerprint));
}

/**
 * Revocation debt: who cannot open the value as it stands, and has it all the same, as an earlier form of the same value in the
 * history opens with their key. Only another value ends that.
 */
export function debtOf(config: Config, value: ValueSeen, header: SealedHeader): readonly Holder[] {
  const keys = keysOf(allowed(config, value));
  const current = new Set(holders(header.recipients).map(({ fingerprint }) => fingerprint));
  return holders(header.seen).filter(({ fingerprint }) => !keys.has(fingerprint) && !current.has(fingerprint));
}

export function holders(byName: SealedHeader['recipients']): readonly Holder[] {
  return [...byName].flatMap(([name, fingerprints]) => fingerprints.map((fingerprint) => ({ name, fingerprint })));
}

function keysOf(recipients: readonly Recipient[]): ReadonlySet<string> {
  return new Set(recipients.flatMap(({ keys }) => keys.map(fingerprintOf)));
}
