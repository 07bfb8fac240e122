import type { SecretValue } from '@hikyaku/core';
import { encodeArmor } from './armor.ts';
import { bindStanza } from './bind-stanza.ts';
import type { BoundHeader } from './bind-stanza.ts';
import type { Binding } from './binding.ts';
import { fingerprintOf, isPostQuantum, recipientProblem } from './recipients.ts';
import { SealedError } from './sealed-error.ts';
import type { SealedHeader } from './sealed-header.ts';

/** Bytes of a value that can be sealed and opened. */
export const LARGEST_VALUE = 1024 * 1024;

export interface SealOptions {
  /** Age recipients, by the name under `recipients:`. A name without any is left out. */
  readonly recipients: ReadonlyMap<string, readonly string[]>;
  readonly binding: Binding;
  /** Of the header before, where it is the same value: what `sealedAt` and `seen` go on from. */
  readonly before?: SealedHeader;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** One age file, armored, that each recipient opens, also with plain `age -d`. Throws a SealedError. */
export async function seal(value: SecretValue, options: SealOptions): Promise<string> {
  if (value.byteLength > LARGEST_VALUE)
    throw new SealedError('TOO_LARGE', `a value of more than ${LARGEST_VALUE} bytes cannot be sealed`);
  const keys = checkedKeys(options.recipients);
  const { args, body } = bindStanza(headerFrom(options));
  const { Encrypter, Stanza } = await import('age-encryption');
  const encryptTo = async (recipients: readonly string[], bytes: Uint8Array) => {
    const encrypter = new Encrypter();
    encrypter.addRecipient({ wrapFileKey: () => [new Stanza(args, body)] });
    for (const recipient of recipients) encrypter.addRecipient(recipient);
    return encrypter.encrypt(bytes);
  };
  try {
    return encodeArmor(await encryptTo([...keys.keys()], value.reveal()));
  } catch {
    // A key that looks right but is no point of its curve.
    for (const [recipient, name] of keys)
      await encryptTo([recipient], new Uint8Array()).catch(() => {
        throw new SealedError('INVALID_KEY', `nothing can be sealed to the key of ${name}`);
      });
    throw new SealedError(
      'INVALID_KEY',
      `nothing can be sealed to the keys of ${[...options.recipients.keys()].join(', ')}`,
    );
  }
}

/** The name of each key, in an order that is always the same. */
function checkedKeys(recipients: SealOptions['recipients']): ReadonlyMap<string, string> {
  const keys = new Map<string, string>();
  for (const [name, all] of recipients) {
    for (const recipient of all) {
      const problem = recipientProblem(recipient);
      if (problem !== undefined) throw new SealedError('INVALID_KEY', `the key of ${name} ${problem}`);
      keys.set(recipient, name);
    }
  }
  if (keys.size === 0) throw new SealedError('INVALID_KEY', 'there is nobody to seal it to');
  const [strong, weak] = [true, false].map((wanted) => [...keys].find(([key]) => isPostQuantum(key) === wanted)?.[1]);
  if (strong !== undefined && weak !== undefined)
    throw new SealedError(
      'INVALID_KEY',
      `the key of ${strong} is post-quantum and that of ${weak} is not: together they would be no better than the weaker one. Use one kind for all`,
    );
  return new Map([...keys].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function headerFrom({ recipients: keys, binding, before, now }: SealOptions): BoundHeader {
  const recipients = new Map<string, readonly string[]>();
  for (const [name, all] of keys)
    if (all.length > 0) recipients.set(name, [...new Set(all.map(fingerprintOf))].toSorted());
  const seen = new Map(recipients);
  for (const [name, all] of [...(before?.recipients ?? []), ...(before?.seen ?? [])])
    seen.set(name, [...new Set([...(seen.get(name) ?? []), ...all])].toSorted());
  return { binding, sealedAt: before?.sealedAt ?? new Date(now).toISOString(), recipients, seen };
}
