import type { Config, Recipient } from '@hikyaku/config';
import { bindingProblem, fingerprintOf, SealedError } from '@hikyaku/sealing';
import type { Binding, SealedHeader } from '@hikyaku/sealing';
import { shellWord } from '../output/shell-word.ts';
import { allowed, debtOf, intruders } from './debt.ts';
import type { Holder } from './debt.ts';
import { clustersUsing } from './lint-clusters.ts';
import { error, warning } from './lint-finding.ts';
import type { Finding, Place } from './lint-finding.ts';
import type { ValueSeen } from './lint-values.ts';

/** What is wrong with one sealed value. `wanted`: what a credential of its field must be bound to, or why that cannot be told. Pure. */
export function lintValue(config: Config, value: ValueSeen, wanted: Binding | string): readonly Finding[] {
  const place = { position: value.sealed.position, path: value.name };
  const { header } = value;
  if (header instanceof SealedError) {
    return [error(place, 'DAMAGED', header.message, `seal it again: ${sealCommand(value)}`)];
  }
  return [
    ...lintBinding(place, value, header, wanted),
    ...lintRecipients(place, config, value, header),
    ...lintIntruders(place, config, value, header),
    ...lintDebt(place, config, value, header),
  ];
}

/** How it is replaced. */
function sealCommand({ name }: ValueSeen): string {
  return `hikyaku seal ${shellWord(name)}`;
}

function* lintBinding(
  place: Place,
  value: ValueSeen,
  header: SealedHeader,
  wanted: Binding | string,
): Iterable<Finding> {
  const { binding } = header;
  const { unbound } = value.sealed;
  if (binding === undefined) {
    yield unbound
      ? warning(
          place,
          'UNBOUND',
          'is not bound: whoever may change the config can have it sent anywhere, and nobody can see here who opens it',
          `bind it: ${sealCommand(value)}`,
        )
      : error(
          place,
          'NO_BINDING',
          'was not sealed by hikyaku, so it says nothing about where it may be sent: the agent refuses it',
          `seal it with ${sealCommand(value)}, or accept it as it is with \`unbound: true\``,
        );
    return;
  }
  if (typeof wanted === 'string') {
    yield error(place, 'NO_CERTIFICATES', wanted, 'the agent needs them, too: put the file there');
    return;
  }
  const problem = bindingProblem(binding, wanted);
  if (problem !== undefined) {
    yield error(
      place,
      'OTHER_BINDING',
      `the agent refuses it: ${problem}`,
      `put the config back, or seal it for its new destination: ${sealCommand(value)}`,
    );
  } else if (unbound)
    yield warning(place, 'UNBOUND', 'has a binding, and `unbound: true` beside it', 'remove `unbound: true`');
}

function* lintRecipients(place: Place, config: Config, value: ValueSeen, header: SealedHeader): Iterable<Finding> {
  // Made by somebody else's program, which does not say for whom.
  if (header.binding === undefined) return;
  const using = clustersUsing(config, value.source.name);
  const sealedTo = new Set([...header.recipients.values()].flat());
  for (const recipient of allowed(config, value)) {
    const { name, backup, keys } = recipient;
    const [current, ...older] = keys.map((key) => sealedTo.has(fingerprintOf(key)));
    if (current === true) continue;
    if (older.includes(true)) {
      yield warning(
        place,
        'NEW_KEY_CANNOT_OPEN',
        `the new key of "${name}" cannot open ${place.path}`,
        'run hikyaku rewrap',
      );
    } else if (backup) {
      yield warning(
        place,
        'BACKUP_CANNOT_OPEN',
        `backup "${name}" cannot open ${place.path}${otherKey(recipient, header)}`,
        'run hikyaku rewrap',
      );
    } else if (using.has(name)) {
      yield error(
        place,
        'CANNOT_OPEN',
        `cluster "${name}" cannot open ${place.path}${keys.length === 0 ? ': it has no key' : otherKey(recipient, header)}`,
        keys.length === 0 ? `run hikyaku recipients add ${name}` : 'run hikyaku rewrap',
      );
    }
  }
}

function otherKey({ name, keys }: Recipient, { recipients }: SealedHeader): string {
  const [sealedTo] = recipients.get(name) ?? [];
  const [current = ''] = keys;
  return sealedTo === undefined
    ? ''
    : `: sealed to its key ${sealedTo}, and its key is ${fingerprintOf(current)} (was its identity made anew?)`;
}

function* lintIntruders(place: Place, config: Config, value: ValueSeen, header: SealedHeader): Iterable<Finding> {
  for (const { name, fingerprint } of intruders(config, value, header)) {
    yield isOldKey(config, value, { name })
      ? error(
          place,
          'OLD_KEY_CAN_OPEN',
          `is sealed to the key ${fingerprint} of "${name}", which is not its key any more`,
          'run hikyaku rewrap',
        )
      : error(
          place,
          'REMOVED_CAN_OPEN',
          config.recipients.has(name)
            ? `is sealed to "${name}" too, whose it is not`
            : `is sealed to "${name}", who is not among the recipients`,
          'run hikyaku rewrap',
        );
  }
}

function* lintDebt(place: Place, config: Config, value: ValueSeen, header: SealedHeader): Iterable<Finding> {
  for (const { name, fingerprint } of debtOf(config, value, header)) {
    const who = isOldKey(config, value, { name }) ? `the old key ${fingerprint} of "${name}"` : `removed "${name}"`;
    yield warning(
      place,
      'STILL_KNOWN',
      `${who} can still read this from Git history`,
      `replace it where it was issued, then ${sealCommand(value)}`,
    );
  }
}

/** The recipient is there still, and only its key is another. */
function isOldKey(config: Config, value: ValueSeen, { name }: Pick<Holder, 'name'>): boolean {
  return allowed(config, value).some((recipient) => recipient.name === name);
}
