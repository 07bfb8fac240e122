import type { Recipient } from '@hikyaku/config';

/** A recipient, wherever it stands. */
export type RecipientKeys = Pick<Recipient, 'name' | 'keys' | 'backup'>;

/** Who is to open a value: everybody who has a key, or one cluster and the backup keys. */
export function recipientsFor(recipients: Iterable<RecipientKeys>, cluster?: string): readonly RecipientKeys[] {
  return [...recipients].filter(
    ({ name, keys, backup }) => keys.length > 0 && (cluster === undefined || backup || name === cluster),
  );
}

/** As `seal` takes them. */
export function sealRecipients(recipients: readonly RecipientKeys[]): ReadonlyMap<string, readonly string[]> {
  return new Map(recipients.map(({ name, keys }) => [name, keys]));
}
