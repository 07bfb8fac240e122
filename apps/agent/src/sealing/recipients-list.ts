import type { Config } from '@hikyaku/config';
import { fingerprintOf, SealedError } from '@hikyaku/sealing';
import { count } from '../output/count.ts';
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
}

export function listedRecipients({ recipients }: Config, values: readonly ValueSeen[]): readonly ListedRecipient[] {
  return [...recipients.values()].map(({ name, backup, keys }) => {
    const own = keys.map((key) => ({ key, fingerprint: fingerprintOf(key) }));
    const opens = values.filter(({ header }) => {
      if (header instanceof SealedError) return false;
      return holders(header.recipients).some((holder) =>
        own.some(({ fingerprint }) => fingerprint === holder.fingerprint),
      );
    });
    return { name, backup, keys: own, opens: opens.map((value) => value.name) };
  });
}

export function recipientsTable(listed: readonly ListedRecipient[], values: number, style: Style): string {
  if (listed.length === 0)
    return 'no recipients yet. Add a cluster: hikyaku recipients add NAME --context CONTEXT; and your own key: hikyaku recipients new me --backup\n';
  const width = Math.max(...listed.map(({ name }) => name.length));
  return listed
    .map(({ name, backup, keys, opens }) => {
      const fingerprints = keys.map(({ fingerprint }) => fingerprint).join(', ') || 'no key';
      const all = opens.length === values ? style.good : style.change;
      const what = `opens ${opens.length} of ${count(values, 'value')}${opens.length === 0 || opens.length === values ? '' : `: ${opens.join(', ')}`}`;
      return `${style.strong(name.padEnd(width))}  ${fingerprints}  ${backup ? 'backup  ' : 'cluster '}  ${all(what)}\n`;
    })
    .join('');
}
