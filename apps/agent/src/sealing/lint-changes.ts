import type { Config, CredentialReference, Recipient, SealedReference, SourceConfig } from '@hikyaku/config';
import { bindingOf, fingerprintOf, sameBinding, SealedError } from '@hikyaku/sealing';
import type { SealedHeader } from '@hikyaku/sealing';
import { bindingText } from './lint-binding.ts';
import { clustersOf } from './lint-clusters.ts';
import { holders } from './debt.ts';
import { keylessAccess } from './keyless-access.ts';
import { valuesIn } from './lint-values.ts';
import type { ValueSeen } from './lint-values.ts';

/** One difference between two configs that bears on who can open, receive or decide what. */
export interface Change {
  readonly kind: 'recipient' | 'credential' | 'destination' | 'clusters';
  readonly what: string;
  /** It lets somebody do more; the others only say what is different. */
  readonly more: boolean;
}

/** What is another one than before: recipients, credentials, destinations, and the clusters that entries are for. Needs no key. */
export async function changesBetween(before: Config | undefined, now: Config): Promise<readonly Change[]> {
  return [
    ...recipientChanges(before?.recipients ?? new Map(), now.recipients),
    ...(await credentialChanges(before, now)),
    ...clusterChanges(before, now),
  ];
}

type Recipients = Config['recipients'];

function* recipientChanges(before: Recipients, now: Recipients): Iterable<Change> {
  const kind = 'recipient';
  for (const recipient of now.values()) {
    const { name, backup } = recipient;
    const was = before.get(name);
    if (was === undefined)
      yield { kind, what: `${name} is new: ${keysText(recipient)}${backupText(backup)}`, more: true };
    else {
      const added = recipient.keys.filter((key) => !was.keys.includes(key));
      const gone = was.keys.filter((key) => !recipient.keys.includes(key));
      if (added.length > 0) yield { kind, what: `${name} has a new key: ${keysText({ keys: added })}`, more: true };
      if (gone.length > 0) yield { kind, what: `${name} lost a key: ${keysText({ keys: gone })}`, more: false };
      if (was.backup !== backup)
        yield {
          kind,
          what: `${name} is ${backup ? 'a backup key and no cluster' : 'a cluster and no backup key'} now`,
          more: true,
        };
    }
  }
  for (const recipient of before.values())
    if (!now.has(recipient.name))
      yield { kind, what: `${recipient.name} is gone: ${keysText(recipient)}`, more: false };
}

function keysText({ keys }: Pick<Recipient, 'keys'>): string {
  return keys.length === 0 ? 'no key' : keys.map((key) => `${key} (${fingerprintOf(key)})`).join(', ');
}

function backupText(backup: boolean): string {
  return backup ? ', a backup key' : '';
}

/** What opens a source, as it stands in one place of the config; what is sealed is looked into by {@link valueChanges}. */
interface Standing {
  readonly source: SourceConfig;
  readonly what: string;
}

async function credentialChanges(before: Config | undefined, now: Config): Promise<readonly Change[]> {
  const old = before === undefined ? new Map<string, Standing>() : standings(before);
  const current = standings(now);
  const seen = new Map((before === undefined ? [] : await valuesIn(before)).map((value) => [value.name, value]));
  const values = await valuesIn(now);
  const changes: Change[] = [];
  for (const [path, { source, what }] of current) {
    const was = old.get(path);
    const from = was && destinationText(was.source);
    const to = destinationText(source);
    if (was === undefined) changes.push({ kind: 'credential', what: `${path} is new: ${what}, for ${to}`, more: true });
    else {
      if (was.what !== what)
        changes.push({ kind: 'credential', what: `${path} is ${what} and was ${was.what}`, more: true });
      if (from !== to)
        changes.push({ kind: 'destination', what: `${path} is sent to ${to} and was sent to ${from}`, more: true });
    }
  }
  for (const value of values) {
    const was = seen.get(value.name);
    if (was === undefined && isOneOfSeveral(value, old))
      changes.push({ kind: 'credential', what: `${value.name} is new${sealedOn(value.header)}`, more: true });
    changes.push(...valueChanges(was, value));
  }
  for (const [path, { what }] of old)
    if (!current.has(path)) changes.push({ kind: 'credential', what: `${path} is gone: ${what}`, more: false });
  const names = new Set(values.map(({ name }) => name));
  for (const value of seen.values())
    if (!names.has(value.name) && isOneOfSeveral(value, current))
      changes.push({ kind: 'credential', what: `${value.name} is gone`, more: false });
  return changes;
}

/** Whether there is, as well, a credential of its field with a value for each cluster: if not, the whole credential is told of. */
function isOneOfSeveral({ source, field, cluster }: ValueSeen, others: ReadonlyMap<string, Standing>): boolean {
  return cluster !== undefined && others.get(`providers.${source.name}.${field}`)?.what === FOR_EACH_CLUSTER;
}

function sealedOn(header: ValueSeen['header']): string {
  const { sealedAt } = header instanceof SealedError ? {} : header;
  return sealedAt === undefined ? '' : `, sealed on ${sealedAt.slice(0, 10)}`;
}

function standings({ sources }: Config): ReadonlyMap<string, Standing> {
  return new Map([...sources.values()].flatMap((source) => [...standingsOf(source)]));
}

function* standingsOf(source: SourceConfig): Iterable<[path: string, standing: Standing]> {
  for (const [field, reference] of source.credentials)
    yield [`providers.${source.name}.${field}`, { source, what: kindText(reference) }];
  const keyless = keylessAccess(source);
  if (keyless !== undefined) yield [`providers.${source.name}.${keyless.field}`, { source, what: keyless.what }];
}

/** `sealed`, `the environment variable DOPPLER_TOKEN`. */
export function kindText(reference: CredentialReference): string {
  if ('env' in reference) return `the environment variable ${reference.env}`;
  if ('file' in reference) return `the file ${reference.file}`;
  if ('secretRef' in reference) {
    const { namespace, name, key } = reference.secretRef;
    return `${key} of Secret ${namespace === undefined ? '' : `${namespace}/`}${name}`;
  }
  if ('serviceAccountToken' in reference) return `a ServiceAccount token for ${reference.serviceAccountToken.audience}`;
  return 'sealed' in reference ? 'sealed' : FOR_EACH_CLUSTER;
}

const FOR_EACH_CLUSTER = 'sealed for each cluster';

function destinationText(source: SourceConfig): string {
  const { origins } = source.description;
  return `${origins.length === 0 ? 'no address of its own' : origins.join(' and ')}${trustText(source)}`;
}

/** Whom the source takes for its service, as text behind where that is; nothing where the system decides. */
export function trustText({ description: { ca } }: SourceConfig): string {
  if (ca === undefined) return '';
  if (!ca.includes('-----BEGIN')) return ` with the CA file ${ca}`;
  try {
    return ` with certificates ${bindingOf('', '', [], ca).ca}`;
  } catch (error) {
    if (!(error instanceof SealedError)) throw error;
    return ' with certificates that cannot be read';
  }
}

function* valueChanges(before: ValueSeen | undefined, now: ValueSeen): Iterable<Change> {
  const { name: path, sealed, header } = now;
  if (before === undefined) {
    if (sealed.unbound) yield { kind: 'credential', what: `${path} may be unbound`, more: true };
    return;
  }
  if (sealed.unbound && !before.sealed.unbound)
    yield { kind: 'credential', what: `${path} may be unbound now`, more: true };
  if (textOf(before.sealed) === textOf(sealed)) return;
  if (header instanceof SealedError || before.header instanceof SealedError) {
    yield { kind: 'credential', what: `${path} has another value`, more: true };
    return;
  }
  yield* headerChanges(path, before.header, header);
}

function* headerChanges(path: string, before: SealedHeader, now: SealedHeader): Iterable<Change> {
  const isSame = now.sealedAt !== undefined && now.sealedAt === before.sealedAt;
  yield isSame
    ? {
        kind: 'credential',
        what: `${path} is sealed anew; as the same value of ${now.sealedAt}, it says: only a key can tell`,
        more: false,
      }
    : { kind: 'credential', what: `${path} is replaced${sealedOn(now)}`, more: true };
  const opened = new Set(holders(before.recipients).map(({ fingerprint }) => fingerprint));
  const added = holders(now.recipients).filter(({ fingerprint }) => !opened.has(fingerprint));
  if (added.length > 0) {
    const names = added.map(({ name, fingerprint }) => `${name} (${fingerprint})`).join(', ');
    yield { kind: 'credential', what: `${path} can be opened by ${names} too`, more: true };
  }
  const { binding: to } = now;
  const { binding: from } = before;
  if (to === undefined && from !== undefined)
    yield {
      kind: 'destination',
      what: `${path} is bound to nothing and was bound to ${bindingText(from)}`,
      more: true,
    };
  if (to !== undefined && (from === undefined || !sameBinding(from, to))) {
    const was = from === undefined ? 'nothing' : bindingText(from);
    yield { kind: 'destination', what: `${path} is sealed for ${bindingText(to)} and was for ${was}`, more: true };
  }
}

function textOf({ text }: SealedReference): string {
  return text.replaceAll(/\s+/g, '');
}

function* clusterChanges(before: Config | undefined, now: Config): Iterable<Change> {
  if (before === undefined) return;
  const old = entriesOf(before);
  for (const [name, clusters] of entriesOf(now)) {
    const was = old.get(name);
    if (was === undefined) continue;
    // An entry for all clusters goes to a new one too, which is told once: of the recipient.
    const added = [...clusters].filter((cluster) => !was.has(cluster) && !(was.has(ALL) && clusters.has(ALL)));
    const gone = [...was].filter((cluster) => !clusters.has(cluster) && !(was.has(ALL) && clusters.has(ALL)));
    if (added.length > 0) yield { kind: 'clusters', what: `${name} goes to ${added.join(', ')} too`, more: true };
    if (gone.length > 0 && added.length === 0)
      yield { kind: 'clusters', what: `${name} goes no more to ${gone.join(', ')}`, more: false };
  }
}

const ALL = 'all clusters';

/** Where each Secret and push goes. */
function entriesOf(config: Config): ReadonlyMap<string, ReadonlySet<string>> {
  const all = [ALL, ...clustersOf(config).map(({ name }) => name)];
  const entries = new Map<string, ReadonlySet<string>>();
  const add = (what: string, clusters: ReadonlySet<string> | undefined): void => {
    entries.set(what, new Set([...(entries.get(what) ?? []), ...(clusters ?? all)]));
  };
  for (const { namespace, name, clusters } of config.secrets) add(`Secret ${namespace}/${name}`, clusters);
  for (const { namespace, name, source, clusters } of config.pushes)
    add(`push ${namespace}/${name} to ${source}`, clusters);
  return entries;
}
