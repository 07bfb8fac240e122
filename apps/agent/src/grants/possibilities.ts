import { grantsPush, grantsRestart, policyRefusals } from '@hikyaku/config';
import type { Config, CredentialReference, Grants, SealedReference, SourceConfig } from '@hikyaku/config';
import { identityOf } from '../open-sources.ts';
import { isStandIn } from '../plugins/stand-in.ts';
import { keylessAccess } from '../sealing/keyless-access.ts';
import { kindText, trustText } from '../sealing/lint-changes.ts';
import { mayRead } from './files-root.ts';
import type { HeldGrants } from './held-grants.ts';
import { mayReach, plugInRefusal } from './missing-grants.ts';
import type { Needs } from './needs.ts';

/** One thing that an agent may come to do. */
export interface Possibility {
  readonly kind:
    | 'origin'
    | 'plug-in'
    | 'plug-in source'
    | 'file'
    | 'push'
    | 'restart'
    | 'read'
    | 'recipient'
    | 'credential'
    | 'Secret'
    | 'namespace'
    | 'type'
    | 'label or annotation'
    | 'name';
  readonly what: string;
}

/** Each once, by a text that tells it from the others. */
export type Possibilities = ReadonlyMap<string, Possibility>;

/** What the config asks for and the grants let pass; all of it without grants. */
export function possible(config: Config, needs: Needs, held: HeldGrants | undefined): Possibilities {
  return byKey([
    ...fromSources(config, needs, held?.grants),
    ...fromSecrets(needs, held),
    ...fromRestarts(needs, held),
  ]);
}

type Keyed = Possibility & { readonly detail?: string | undefined };

function* fromSources({ sources, recipients }: Config, needs: Needs, grants: Grants | undefined): Iterable<Keyed> {
  for (const { what } of needs.origins) {
    if (grants === undefined || mayReach(what, grants.origins)) yield { kind: 'origin', what };
  }
  const running = needs.plugIns.filter(
    (plugIn) => grants === undefined || plugInRefusal(plugIn, grants.plugins) === undefined,
  );
  for (const { name, digest = 'a package' } of running) yield { kind: 'plug-in', what: `${name} (${digest})` };
  for (const { name, provider, settings } of sources.values()) {
    // Where it sends what is known only to its code, which is not run for this.
    if (isStandIn(provider) && running.some(({ source }) => source === name))
      yield { kind: 'plug-in source', what: `${name}: with these settings`, detail: JSON.stringify(settings) };
  }
  for (const need of needs.files) {
    if (grants === undefined || mayRead(need, needs.folder, grants.files)) yield { kind: 'file', what: need.what };
  }
  for (const push of needs.pushes) {
    if (grants !== undefined && !grantsPush(grants, push)) continue;
    const to = sources.get(push.to);
    // Grants name the source; what stands behind the name is up to the config.
    yield { kind: 'push', what: `${push.from} to ${push.to}`, detail: to && identityOf(to) };
  }
  for (const source of sources.values()) yield* readsOf(source);
  for (const { name, keys } of recipients.values())
    for (const key of keys) yield { kind: 'recipient', what: `${name}: ${key}` };
  for (const source of sources.values()) yield* credentialsOf(source);
}

/** Another value, another place where it is kept and another destination are each another credential. */
function* credentialsOf(source: SourceConfig): Iterable<Keyed> {
  const { name, credentials, description } = source;
  const to = description.origins.length === 0 ? '' : `, to ${description.origins.join(', ')}${trustText(source)}`;
  for (const [field, reference] of credentials) {
    const sealed = sealedIn(reference);
    const unbound = sealed.some((one) => one.unbound) ? ', not bound' : '';
    const detail = sealed.map(({ text }) => text.replaceAll(/\s+/g, '')).join('\0');
    yield { kind: 'credential', what: `${field} of ${name}: ${kindText(reference)}${unbound}${to}`, detail };
  }
  const keyless = keylessAccess(source);
  if (keyless !== undefined) yield { kind: 'credential', what: `${keyless.field} of ${name}: ${keyless.what}${to}` };
}

function sealedIn(reference: CredentialReference): readonly SealedReference[] {
  if ('sealed' in reference) return [reference.sealed];
  return 'perCluster' in reference ? [...reference.perCluster.values()] : [];
}

/** What is read of the cluster itself, where an owner's Role allows it; no grant limits that. */
function* readsOf({ name, provider, settings, credentials }: SourceConfig): Iterable<Keyed> {
  for (const [field, reference] of credentials) {
    if (!('secretRef' in reference)) continue;
    const { namespace, name: secret, key } = reference.secretRef;
    const where = namespace === undefined ? secret : `${namespace}/${secret}`;
    yield { kind: 'read', what: `${key} of Secret ${where}, as ${field} of ${name}` };
  }
  if (provider.type !== 'kubernetes' || typeof settings !== 'object' || settings === null) return;
  if ('server' in settings && settings.server !== undefined) return;
  const namespace = 'namespace' in settings ? String(settings.namespace) : '';
  yield { kind: 'read', what: `Secrets of namespace ${namespace}, as ${name}` };
}

function* fromSecrets({ secrets }: Needs, held: HeldGrants | undefined): Iterable<Keyed> {
  for (const secret of secrets) {
    if (held !== undefined && policyRefusals(held.policy, secret).length > 0) continue;
    const { namespace, name, type, labels, annotations, existing } = secret;
    yield { kind: 'Secret', what: `${namespace}/${name}` };
    yield { kind: 'namespace', what: namespace };
    if (existing === 'merge') continue;
    yield { kind: 'type', what: type };
    for (const key of [...Object.keys(labels), ...Object.keys(annotations)])
      yield { kind: 'label or annotation', what: key };
  }
}

function* fromRestarts({ restarts }: Needs, held: HeldGrants | undefined): Iterable<Keyed> {
  for (const { workload } of restarts) {
    if (held === undefined || grantsRestart(held.policy, workload)) yield { kind: 'restart', what: workload };
  }
}

const EVERY_ORIGIN: Possibility = { kind: 'origin', what: 'any that does not surround the agent' };
const EVERY_NAME: Possibility = { kind: 'name', what: 'any' };

/**
 * What the grants `now` allow and `before` did not, asked for or not. Grants that are not there allow everything, so nothing can be
 * more.
 */
export function moreGranted(before: HeldGrants | undefined, now: HeldGrants | undefined): readonly Possibility[] {
  if (before === undefined) return [];
  if (now === undefined) return [EVERY_ORIGIN, EVERY_NAME];
  const reserved = [...(before.policy.reservedNamespaces ?? [])];
  const freed = reserved.filter(
    (namespace) => namespace !== '' && now.policy.reservedNamespaces?.has(namespace) !== true,
  );
  const more = newIn(byKey([...ceilingsOf(before)]), byKey([...ceilingsOf(now)]));
  const already = {
    origin: before.grants.origins === undefined,
    name: before.policy.names === undefined,
  };
  return [
    ...more.filter(({ kind }) => !(kind === 'origin' && already.origin) && !(kind === 'name' && already.name)),
    ...freed.map((what): Possibility => ({ kind: 'namespace', what })),
  ];
}

function* ceilingsOf({ grants, policy }: HeldGrants): Iterable<Possibility> {
  if (grants.origins === undefined) yield EVERY_ORIGIN;
  for (const what of grants.origins ?? []) yield { kind: 'origin', what };
  for (const [name, { digest }] of grants.plugins) yield { kind: 'plug-in', what: `${name} (${digest})` };
  if (grants.files !== undefined) yield { kind: 'file', what: `below ${grants.files}` };
  for (const { from, to } of grants.pushes) yield { kind: 'push', what: `${from} to ${to}` };
  for (const what of policy.restarts ?? []) yield { kind: 'restart', what };
  for (const what of policy.types ?? []) if (what !== '') yield { kind: 'type', what };
  for (const what of policy.metadataPrefixes ?? []) yield { kind: 'label or annotation', what };
  if (policy.names === undefined) yield EVERY_NAME;
  for (const what of policy.names ?? []) if (what !== '') yield { kind: 'name', what };
}

/** What is in the second and not in the first. */
export function newIn(before: Possibilities, now: Possibilities): readonly Possibility[] {
  return [...now].filter(([key]) => !before.has(key)).map(([, possibility]) => possibility);
}

function byKey(all: readonly Keyed[]): Possibilities {
  return new Map(all.map(({ kind, what, detail = '' }) => [`${kind}\0${what}\0${detail}`, { kind, what }]));
}
