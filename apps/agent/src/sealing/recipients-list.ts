import type { Config } from '@hikyaku/config';
import { fingerprintOf, SealedError } from '@hikyaku/sealing';
import type { Style } from '../output/style.ts';
import { holders } from './debt.ts';
import type { ValueSeen } from './lint-values.ts';

/** A recipient, and what it can open as the values say it themselves. */
export interface ListedRecipient {
  readonly name: string;
  readonly backup: boolean;
  readonly keys: readonly { readonly key: string; readonly fingerprint: string }[];
  /** Names of sealed values. */
  readonly opens: readonly string[];
  /** Those that it is to open, and does not. */
  readonly cannotOpen: readonly string[];
}

export function listedRecipients({ recipients }: Config, values: readonly ValueSeen[]): readonly ListedRecipient[] {
  return [...recipients.values()].map(({ name, backup, keys }) => {
    const own = keys.map((key) => ({ key, fingerprint: fingerprintOf(key) }));
    const fingerprints = new Set(own.map(({ fingerprint }) => fingerprint));
    const opens = values.filter(
      ({ header }) =>
        !(header instanceof SealedError) &&
        holders(header.recipients).some(({ fingerprint }) => fingerprints.has(fingerprint)),
    );
    const cannotOpen = values.filter(
      (value) => !opens.includes(value) && (value.cluster === undefined || backup || value.cluster === name),
    );
    const namesOf = (some: readonly ValueSeen[]) => some.map((value) => value.name);
    return { name, backup, keys: own, opens: namesOf(opens), cannotOpen: namesOf(cannotOpen) };
  });
}

export function recipientsTable(listed: readonly ListedRecipient[], style: Style): string {
  if (listed.length === 0)
    return 'no recipients yet. Add a cluster: hikyaku recipients add NAME --context CONTEXT; and your own key: hikyaku recipients new me --backup\n';
  const width = Math.max(...listed.map(({ name }) => name.length));
  return listed
    .map(({ name, backup, keys, opens, cannotOpen }) => {
      const fingerprints = keys.map(({ fingerprint }) => fingerprint).join(', ') || 'no key';
      const what = `opens ${opens.length === 0 ? 'nothing' : opens.join(', ')}`;
      const lack = cannotOpen.length === 0 ? '' : `; ${style.bad(`not ${cannotOpen.join(', ')}`)}`;
      return `${style.strong(name.padEnd(width))}  ${fingerprints}  ${backup ? 'backup  ' : 'cluster '}  ${what}${lack}\n`;
    })
    .join('');
}
