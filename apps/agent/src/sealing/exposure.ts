import type { Config, SecretEntry, SourceConfig } from '@hikyaku/config';
import { fingerprintOf, SealedError } from '@hikyaku/sealing';
import { shellWord } from '../output/shell-word.ts';
import { holders } from './debt.ts';
import { opensText, replacementOf } from './exposure-places.ts';
import { keylessAccess } from './keyless-access.ts';
import { clustersUsing } from './lint-clusters.ts';
import { kindText } from './lint-changes.ts';
import type { ValueSeen } from './lint-values.ts';

/** What a cluster, or whoever holds its key, could and can read. Holds no value. */
export interface Exposure {
  readonly cluster: string;
  /** `gone`: it is not among the recipients any more. */
  readonly state: 'cluster' | 'backup' | 'gone';
  /** Fingerprints of its keys, those of the past too. */
  readonly keys: readonly string[];
  readonly sources: readonly ExposedSource[];
}

export interface ExposedSource {
  /** Under `providers:`. */
  readonly name: string;
  readonly type: string;
  /** Which data its credentials open: `project homelab, config prd of Doppler (https://api.doppler.com)`. */
  readonly opens: string;
  readonly credentials: readonly ExposedCredential[];
  /** The Secrets that it writes there, with what of the source is in them. */
  readonly secrets: readonly { readonly secret: string; readonly keys: readonly string[] }[];
  /** What is carried to the source from there. */
  readonly pushes: readonly string[];
}

export interface ExposedCredential {
  /** `providers.homelab.token`. */
  readonly path: string;
  /** `past`: only an earlier text of it, in the Git history, opens with its key. `perhaps`: that cannot be seen. */
  readonly when: 'now' | 'past' | 'perhaps';
  readonly how: string;
  /** ISO 8601. */
  readonly sealedAt?: string;
  /** Other clusters that have the same one, or may have. */
  readonly others: readonly string[];
  /** Another one has to be put in its place, as others use it. */
  readonly seal?: string;
  /** Where a new one is made. Absent: nothing takes its place. */
  readonly replace?: string;
  /** What ends it. */
  readonly revoke: string;
}

/** All names that were ever sealed to or have a key of their own somewhere, as far as the config knows. */
export function knownNames({ recipients, sources }: Config, values: readonly ValueSeen[]): ReadonlySet<string> {
  const seen = values.flatMap(({ header }) => (header instanceof SealedError ? [] : [...header.seen.keys()]));
  const trusted = [...sources.values()].flatMap((source) => {
    const { ids } = keylessAccess(source) ?? {};
    return typeof ids === 'object' ? [...ids.keys()] : [];
  });
  return new Set([...recipients.keys(), ...seen, ...trusted]);
}

/** Pure. */
export function exposureOf(config: Config, values: readonly ValueSeen[], cluster: string): Exposure {
  const recipient = config.recipients.get(cluster);
  const keys = keysOf(config, values, cluster);
  const state = recipient === undefined ? 'gone' : recipient.backup ? 'backup' : 'cluster';
  const sources = [...config.sources.values()].flatMap((source): readonly ExposedSource[] => {
    const { secrets, pushes } = state === 'backup' ? { secrets: [], pushes: [] } : usesOf(config, source, cluster);
    const isUsed = secrets.length + pushes.length > 0;
    const credentials = [...exposedOf(config, values, source, { cluster, keys, isUsed, isGone: state === 'gone' })];
    if (credentials.length === 0 && !isUsed) return [];
    const { name, provider } = source;
    return [{ name, type: provider.type, opens: opensText(source), credentials, secrets, pushes }];
  });
  return { cluster, state, keys: [...keys], sources };
}

function keysOf({ recipients }: Config, values: readonly ValueSeen[], cluster: string): ReadonlySet<string> {
  const past = values.flatMap(({ header }) =>
    header instanceof SealedError
      ? []
      : [...(header.recipients.get(cluster) ?? []), ...(header.seen.get(cluster) ?? [])],
  );
  return new Set([...(recipients.get(cluster)?.keys.map(fingerprintOf) ?? []), ...past]);
}

interface Whose {
  readonly cluster: string;
  readonly keys: ReadonlySet<string>;
  readonly isUsed: boolean;
  readonly isGone: boolean;
}

function* exposedOf(
  config: Config,
  values: readonly ValueSeen[],
  source: SourceConfig,
  whose: Whose,
): Iterable<ExposedCredential> {
  for (const value of values) {
    if (value.source.name !== source.name) continue;
    const exposed = exposedValue(config, value, whose);
    if (exposed !== undefined) yield exposed;
  }
  yield* keylessOf(source, whose);
  if (!whose.isUsed) return;
  const others = [...clustersUsing(config, source.name)].filter((name) => name !== whose.cluster);
  for (const [field, reference] of source.credentials) {
    if ('sealed' in reference || 'perCluster' in reference) continue;
    const path = `providers.${source.name}.${field}`;
    const { replace, revoke } = replacementOf(source, field);
    const when = whose.isGone ? 'perhaps' : 'now';
    const how = `${kindText(reference)}, as its agent ${whose.isGone ? 'had' : 'has'} it`;
    if ('serviceAccountToken' in reference) {
      const what = 'have the service trust the tokens of that cluster no more (its issuer, or its keys)';
      yield { path, when, how, others: [], revoke: what };
    } else
      yield {
        path,
        when,
        how,
        others,
        revoke,
        ...(others.length > 0 && { replace, seal: 'put it where the others have it' }),
      };
  }
}

/** Trusted without a credential: nothing is replaced, only ended. */
function keylessOf(source: SourceConfig, { cluster, isUsed }: Whose): readonly ExposedCredential[] {
  const access = keylessAccess(source);
  if (access === undefined) return [];
  const { field, what, ids } = access;
  if (!isUsed && !(typeof ids === 'object' && ids.has(cluster))) return [];
  const path = `providers.${source.name}.${field}`;
  const id = typeof ids === 'string' ? ids : ids.get(cluster);
  if (field === 'oidc') {
    const own = id === undefined ? 'an identity of its own' : `the service account identity ${id}`;
    const revoke =
      typeof ids === 'string'
        ? `take the issuer of that cluster out of ${own}, in the dashboard of Doppler`
        : `delete ${own}, in the dashboard of Doppler`;
    return [{ path, when: 'now', how: `tokens of its ServiceAccount, for ${own}`, others: [], revoke }];
  }
  const key = id === undefined ? 'its key' : `its key ${id}`;
  const revoke = `delete ${key} of ${what}, in the control panel of SAKURA Cloud (IAM)`;
  return [{ path, when: 'now', how: `its own RSA key, of ${what}`, others: [], revoke }];
}

function exposedValue(config: Config, value: ValueSeen, { cluster, keys }: Whose): ExposedCredential | undefined {
  const { header, name: path, source, field } = value;
  if (
    value.cluster !== undefined &&
    value.cluster !== cluster &&
    (header instanceof SealedError || header.binding === undefined)
  )
    return undefined;
  const { replace, revoke } = replacementOf(source, field);
  const seal = `hikyaku seal ${shellWord(path)}`;
  if (header instanceof SealedError || header.binding === undefined) {
    const others = [...clustersUsing(config, source.name)].filter((name) => name !== cluster);
    return { path, when: 'perhaps', how: 'for whom it is sealed cannot be seen', others, replace, revoke, seal };
  }
  const opens = (byName: typeof header.seen): boolean =>
    holders(byName).some(({ fingerprint }) => keys.has(fingerprint));
  const isNow = opens(header.recipients);
  if (!isNow && !opens(header.seen)) return undefined;
  const { sealedAt } = header;
  const backups = new Set([...config.recipients.values()].filter(({ backup }) => backup).map(({ name }) => name));
  const others = [...header.recipients.keys()].filter((name) => name !== cluster && !backups.has(name));
  const isOwn = value.cluster === cluster;
  return {
    path,
    when: isNow ? 'now' : 'past',
    how: isNow ? `sealed to it${isOwn ? ' alone' : ''}` : 'was sealed to it',
    ...(sealedAt !== undefined && { sealedAt }),
    others,
    revoke,
    // Its own goes with it.
    ...(!isOwn && { replace, seal }),
  };
}

function usesOf(config: Config, source: SourceConfig, cluster: string): Pick<ExposedSource, 'secrets' | 'pushes'> {
  const isFor = ({ clusters }: { readonly clusters?: ReadonlySet<string> }) => clusters?.has(cluster) ?? true;
  const secrets = config.secrets.filter(isFor).flatMap((entry) => {
    const keys = [...keysFrom(entry, source.name)];
    return keys.length === 0 ? [] : [{ secret: `${entry.namespace}/${entry.name}`, keys }];
  });
  const pushes = config.pushes
    .filter((push) => push.source === source.name && isFor(push))
    .map(({ namespace, name }) => `${namespace}/${name}`);
  return { secrets, pushes };
}

/** `everything`, `DB_*`, `password (DB_PASSWORD)`. */
function* keysFrom({ bulk, items }: SecretEntry, source: string): Iterable<string> {
  for (const { source: from, include, exclude } of bulk) {
    if (from !== source) continue;
    const globs = include.join(', ');
    const without = exclude.length === 0 ? '' : ` without ${exclude.join(', ')}`;
    yield `${globs === '*' || globs === '' ? 'everything' : globs}${without}`;
  }
  for (const [key, item] of items)
    if (item.source === source) yield key === item.ref.name ? key : `${key} (${item.ref.name})`;
}
