import { nearest, recipientNameProblem } from '@hikyaku/config';
import type { Config, EditValue, Recipient } from '@hikyaku/config';
import { isPostQuantum } from '@hikyaku/sealing';
import { printable } from '../output/printable.ts';
import { UserError } from '../user-error.ts';
import type { RecipientKeys } from './recipients-for.ts';
import { fingerprintsText } from './recipients-key.ts';

/** Throws a UserError where the name is none or has another key already, or the key another name. */
export function checkNewRecipient({ recipients }: Config, { name, keys }: RecipientKeys, replace: boolean): void {
  const nameProblem = recipientNameProblem(name);
  if (nameProblem !== undefined) throw new UserError(`${printable(name)} is no name of a recipient: it ${nameProblem}`);
  const before = recipients.get(name);
  const same =
    before !== undefined && before.keys.length === keys.length && before.keys.every((key, i) => key === keys[i]);
  if (before !== undefined && before.keys.length > 0 && !same && !replace)
    throw new UserError(
      `${name} has another key already (${fingerprintsText(before.keys)}): --replace puts ${fingerprintsText(keys)} in its place`,
    );
  const quantum = isPostQuantum(keys[0] ?? '');
  const unlike = [...recipients.values()].find(
    (one) => one.name !== name && one.keys.some((key) => isPostQuantum(key) !== quantum),
  );
  if (unlike !== undefined)
    throw new UserError(
      `the keys of ${name} and ${unlike.name} are of two kinds, post-quantum and not, which cannot be used together: all of them, or none`,
    );
  const other = [...recipients.values()].find((one) => one.name !== name && one.keys.some((key) => keys.includes(key)));
  if (other !== undefined) throw new UserError(`this is the key of ${other.name} (${fingerprintsText(other.keys)})`);
}

/** Throws a UserError where the name is that of a person's key, in whose place the key of a cluster would come. */
export function checkCluster({ recipients }: Config, name: string, orElse = ''): void {
  if (recipients.get(name)?.backup === true)
    throw new UserError(`${name} is a backup key, and no cluster: give the cluster another name${orElse}`);
}

/** All of the config, and this one in the place of the one of its name. */
export function withRecipient({ recipients }: Config, added: RecipientKeys): readonly RecipientKeys[] {
  return [...new Map<string, RecipientKeys>([...recipients, [added.name, added]]).values()];
}

/** As it is written in the file. */
export function recipientValue({ keys, backup }: RecipientKeys): EditValue {
  const [key = '', ...more] = keys;
  const words = more.length === 0 ? { key } : { keys };
  if (backup) return { ...words, backup };
  return more.length === 0 ? key : words;
}

/** Throws a UserError with the nearest name. */
export function findRecipient({ recipients }: Config, name: string, configPath: string): Recipient {
  const found = recipients.get(name);
  if (found !== undefined) return found;
  const near = nearest(name, recipients.keys());
  const hint =
    near === undefined ? `there are: ${[...recipients.keys()].join(', ') || 'none'}` : `did you mean ${near}?`;
  throw new UserError(`there is no recipient ${printable(name)} in ${configPath}; ${hint}`);
}
