import type { Config } from '@hikyaku/config';
import { fingerprintOf, isPostQuantum, SealedError } from '@hikyaku/sealing';
import { keylessAccess } from './keyless-access.ts';
import { clustersOf, clustersUsing } from './lint-clusters.ts';
import { error, warning } from './lint-finding.ts';
import type { Finding } from './lint-finding.ts';
import type { ValueSeen } from './lint-values.ts';
import { missingValues } from './missing-values.ts';

/** What is wrong with the list of recipients, and with credentials that have a value for each cluster. Pure. */
export function lintRecipientList(config: Config, values: readonly ValueSeen[]): readonly Finding[] {
  return [
    ...lintKinds(config),
    ...lintBackups(config, values),
    ...lintRotations(config),
    ...lintUseless(config, values),
    ...lintMissing(config),
    ...lintKeyless(config),
  ];
}

function* lintKinds({ recipients }: Config): Iterable<Finding> {
  const keys = [...recipients.values()].flatMap((recipient) => recipient.keys.map((key) => ({ recipient, key })));
  const postQuantum = keys.filter(({ key }) => isPostQuantum(key));
  const [first] = postQuantum;
  if (first === undefined || postQuantum.length === keys.length) return;
  const { name, position } = first.recipient;
  yield error(
    { position, path: `recipients.${name}` },
    'MIXED_KEYS',
    'is a post-quantum key among others that are not: what is sealed to both is as weak as the others',
    'use post-quantum keys for all recipients, or for none',
  );
}

function* lintBackups({ recipients }: Config, values: readonly ValueSeen[]): Iterable<Finding> {
  const [first] = recipients.values();
  if (first === undefined || values.length === 0) return;
  if ([...recipients.values()].some(({ backup }) => backup)) return;
  yield warning(
    { position: first.position, path: 'recipients' },
    'NO_BACKUP',
    'only clusters can open what is sealed: if they are lost, so is it',
    'add your own key: `me: { key: age1…, backup: true }`, then hikyaku rewrap',
  );
}

function* lintRotations({ recipients }: Config): Iterable<Finding> {
  for (const { name, keys, backup, position } of recipients.values()) {
    if (keys.length < 2) continue;
    yield warning(
      { position, path: `recipients.${name}` },
      'TWO_KEYS',
      `"${name}" has ${keys.length} keys: its identity is being replaced`,
      backup
        ? 'hikyaku rewrap, then take out the older one and rewrap again'
        : 'hikyaku rewrap, push, and when the cluster has it: hikyaku identity prune',
    );
  }
}

function* lintUseless(config: Config, values: readonly ValueSeen[]): Iterable<Finding> {
  const headers = values.flatMap(({ header }) => (header instanceof SealedError ? [] : [header]));
  // Where nothing is sealed, or where it cannot be told for whom, names are all that recipients are for.
  if (headers.length < values.length || !headers.some(({ binding }) => binding !== undefined)) return;
  const opening = new Set(headers.flatMap(({ recipients }) => [...recipients.values()].flat()));
  const missed = new Set(values.flatMap(({ source }) => [...clustersUsing(config, source.name)]));
  for (const { name, keys, backup, position } of config.recipients.values()) {
    if (keys.length === 0 || keys.some((key) => opening.has(fingerprintOf(key)))) continue;
    // Each value says so already.
    if (backup || missed.has(name)) continue;
    yield warning(
      { position, path: `recipients.${name}` },
      'OPENS_NOTHING',
      `"${name}" opens nothing, and uses nothing that is sealed`,
      `hikyaku rewrap seals to it, hikyaku recipients rm ${name} removes it`,
    );
  }
}

function* lintMissing(config: Config): Iterable<Finding> {
  for (const { name } of clustersOf(config)) {
    for (const { source, path, what, advice } of missingValues(config, name))
      yield error({ position: source.position, path }, 'NO_VALUE_FOR_CLUSTER', what, advice);
  }
}

/** What a service knows a cluster by is like a value for one cluster: it outlives the recipient. */
function* lintKeyless({ sources, recipients }: Config): Iterable<Finding> {
  if (recipients.size === 0) return;
  for (const source of sources.values()) {
    const { field, what, ids } = keylessAccess(source) ?? {};
    if (typeof ids !== 'object') continue;
    for (const [cluster, id] of ids) {
      if (recipients.has(cluster)) continue;
      yield warning(
        { position: source.position, path: `providers.${source.name}.${field}` },
        'STILL_KNOWN',
        `removed "${cluster}" can still use its ${field === 'oidc' ? 'identity' : 'key'} ${id}`,
        field === 'oidc'
          ? 'delete that identity in Doppler, then take it out of identity'
          : `delete that key of ${what}, then take it out of kid`,
      );
    }
  }
}
