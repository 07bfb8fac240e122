import type { CallOptions } from '@hikyaku/core';
import { TargetError } from '@hikyaku/engine';
import type {
  DesiredSecret,
  Fingerprint,
  InventoryEntry,
  Observation,
  PutResult,
  RemoveResult,
  SecretId,
  Target,
} from '@hikyaku/engine';
import { isKubeError, path } from '@hikyaku/kube-client';
import type { KubeClient, ObjectIdentity, SecretObject } from '@hikyaku/kube-client';
import { KeyMerger } from './key-merger.ts';
import { managersOf, othersThanUs } from './others-than-us.ts';
import { AGENT_LABEL } from './ownership.ts';
import type { Access } from './ownership.ts';
import { probePolicy } from './probe-policy.ts';
import { fingerprintOfDesired, fingerprintOfLive, secretObject } from './secret-object.ts';
import { splitId } from './split-id.ts';
import { foreign, isDeniedAsForeign, isUnchangeable, toTargetError } from './to-target-error.ts';

export interface KubernetesTargetOptions {
  readonly client: KubeClient;
  readonly access: Access;
  /** Of the inventory: makes fingerprints tell nothing to whoever reads them. */
  readonly hmacKey: Uint8Array;
}

/** A live Secret that is ours. */
type Ours = ObjectIdentity & { readonly live?: SecretObject };

/** How often a write is tried again when somebody changes the Secret between two requests. */
const ROUNDS = 3;

/**
 * Secrets of a cluster, written without being read: a POST or PUT of the whole object, guarded by uid and resourceVersion.
 * What is there is learned from the answers; where the API server's policy does not vouch for them, the Secret is read first.
 */
export class KubernetesTarget implements Target {
  readonly #client: KubeClient;
  readonly #access: Access;
  readonly #hmacKey: Uint8Array;
  readonly #merger: KeyMerger;

  constructor({ client, access, hmacKey }: KubernetesTargetOptions) {
    this.#merger = new KeyMerger({ client, agent: access.agent, hmacKey });
    this.#client = client;
    this.#access = access;
    this.#hmacKey = hmacKey;
  }

  fingerprint(desired: DesiredSecret): Fingerprint {
    return fingerprintOfDesired(desired, this.#access.agent, this.#hmacKey);
  }

  async put(desired: DesiredSecret, entry: InventoryEntry | undefined, options: CallOptions): Promise<PutResult> {
    const { namespace, name } = desired;
    try {
      if (desired.existing === 'merge') return await this.#merger.put(desired, entry, options);
      return await this.#put(desired, entry, options);
    } catch (error) {
      options.signal.throwIfAborted();
      throw toTargetError(error, namespace, name, this.#access.agent);
    }
  }

  async remove(entry: InventoryEntry, options: CallOptions): Promise<RemoveResult> {
    const [namespace, name] = splitId(entry.id);
    try {
      if (entry.existing === 'merge') return await this.#merger.remove(entry, options);
      return await this.#remove(namespace, name, entry, options);
    } catch (error) {
      options.signal.throwIfAborted();
      throw toTargetError(error, namespace, name, this.#access.agent);
    }
  }

  async observe(
    id: SecretId,
    desired: DesiredSecret | undefined,
    entry: InventoryEntry | undefined,
    options: CallOptions,
  ): Promise<Observation> {
    const [namespace, name] = splitId(id);
    try {
      if ((desired ?? entry)?.existing === 'merge') return await this.#merger.observe(id, desired, entry, options);
      const ours = await this.#find(namespace, name, desired && this.#object(desired), options);
      if (ours === undefined) {
        if (desired !== undefined)
          await this.#client.secrets.create(this.#object(desired), { ...options, dryRun: true });
        return { state: 'absent' };
      }
      const actual = ours.live && fingerprintOfLive(ours.live, this.#hmacKey);
      const tried = this.#access.proof === 'policy' && ours.resourceVersion !== '';
      if (desired !== undefined && !desired.recreate && !tried) {
        await this.#client.secrets.replace(this.#object(desired, ours), { ...options, dryRun: true });
      }
      const drifted =
        actual === undefined && (entry?.uid !== ours.uid || entry.resourceVersion !== ours.resourceVersion);
      return { state: 'ours', drifted, ...(actual && { actual }) };
    } catch (error) {
      options.signal.throwIfAborted();
      return { state: 'refused', error: toTargetError(error, namespace, name, this.#access.agent) };
    }
  }

  howToFindOthers(id: SecretId): string {
    const [namespace, name] = splitId(id);
    return `kubectl get secret ${name} --namespace ${namespace} --output jsonpath='{.metadata.managedFields[*].manager}'`;
  }

  async *namespaces({ signal }: CallOptions): AsyncIterable<string> {
    for await (const { type, name, terminating } of this.#client.watchNamespaces({ signal })) {
      if (type !== 'DELETED' && !terminating) yield name;
    }
  }

  async #put(desired: DesiredSecret, entry: InventoryEntry | undefined, options: CallOptions): Promise<PutResult> {
    const { namespace, name } = desired;
    const looks = this.#access.proof === 'look' && entry?.uid !== undefined;
    let known: Ours | undefined = looks ? await this.#find(namespace, name, undefined, options) : guardOf(entry);
    let seen = looks && known?.resourceVersion !== entry.resourceVersion;
    for (let round = 0; ; round++) {
      try {
        if (known === undefined) {
          if (entry?.uid !== undefined) throw gone(namespace, name);
          const { managers: _, ...created } = await this.#client.secrets.create(this.#object(desired), options);
          return { ...created, outcome: entry?.shape === undefined ? 'created' : 'repaired' };
        }
        const { managers = [], ...written } = await this.#client.secrets.replace(this.#object(desired, known), options);
        const wrote = written.resourceVersion !== known.resourceVersion;
        const outcome = outcomeOf({ wrote, seen, sameAsEntry: entry?.uid === known.uid });
        // What was theirs alone is not said to be theirs any more once we have written it.
        const before = known.live ? managersOf(known.live) : [];
        return { ...written, outcome, ...(outcome === 'repaired' && othersThanUs([...before, ...managers])) };
      } catch (error) {
        if (isUnchangeable(error) && known !== undefined) {
          if (desired.recreate && entry?.uid !== undefined) throw gone(namespace, name);
          return await this.#recreate(desired, known, error, options);
        }
        const changedMeanwhile = isKubeError(error) && CHANGED_MEANWHILE.has(error.code) && error.kind !== 'namespaces';
        if (!changedMeanwhile || round >= ROUNDS) throw error;
        known =
          error.code === 'NOT_FOUND' ? undefined : await this.#find(namespace, name, this.#object(desired), options);
        seen = true;
      }
    }
  }

  async #recreate(desired: DesiredSecret, known: Ours, reason: unknown, options: CallOptions): Promise<PutResult> {
    if (!desired.recreate) throw reason;
    const object = this.#object(desired);
    // The server checks everything else before it sees that the name is taken: only what can be created again is deleted.
    await this.#client.secrets.create(object, { ...options, dryRun: true }).catch((error: unknown) => {
      if (!isKubeError(error) || error.code !== 'ALREADY_EXISTS') throw error;
    });
    await this.#client.secrets.delete(desired.namespace, desired.name, { ...options, uid: known.uid });
    const { managers: _, ...created } = await this.#client.secrets.create(object, options);
    return { ...created, outcome: 'recreated' };
  }

  async #remove(namespace: string, name: string, entry: InventoryEntry, options: CallOptions): Promise<RemoveResult> {
    try {
      const uid = this.#access.proof === 'policy' ? entry.uid : undefined;
      const ours = uid === undefined ? await this.#find(namespace, name, undefined, options) : { uid };
      if (uid !== undefined) await this.#requirePolicy(options);
      if (ours === undefined) return 'absent';
      if (entry.uid !== undefined && entry.uid !== ours.uid) return 'foreign';
      await this.#client.secrets.delete(namespace, name, { ...options, uid: ours.uid });
      return 'deleted';
    } catch (error) {
      if (isDeniedAsForeign(error) || (error instanceof TargetError && error.code === 'FOREIGN')) return 'foreign';
      if (isKubeError(error) && error.code === 'NOT_FOUND') return 'absent';
      // Another uid: somebody else has made it since.
      if (isKubeError(error) && error.code === 'CONFLICT') return 'foreign';
      throw error;
    }
  }

  /** The live Secret, if there is one; throws where it is not ours. Writes nothing. */
  async #find(
    namespace: string,
    name: string,
    object: SecretObject | undefined,
    options: CallOptions,
  ): Promise<Ours | undefined> {
    try {
      if (this.#access.proof === 'look') {
        const live = await this.#client.secrets.get(namespace, name, options);
        const { uid = '', resourceVersion = '', labels } = live.metadata;
        if (labels?.[AGENT_LABEL] !== this.#access.agent) throw foreign(namespace, name, this.#access.agent);
        return { uid, resourceVersion, live };
      }
      if (object !== undefined) {
        try {
          const ours = await this.#client.secrets.replace(object, { ...options, dryRun: true });
          await this.#requirePolicy(options);
          return ours;
        } catch (error) {
          // The server compares types before it asks the policy, so whose it is has to be asked in another way.
          if (!isUnchangeable(error)) throw error;
        }
      }
      const { body } = await this.#client.request('DELETE', path`/api/v1/namespaces/${namespace}/secrets/${name}`, {
        ...options,
        query: { dryRun: 'All' },
      });
      await this.#requirePolicy(options);
      return { uid: uidOfStatus(body), resourceVersion: '' };
    } catch (error) {
      if (isKubeError(error) && error.code === 'NOT_FOUND' && error.kind !== 'namespaces') return undefined;
      if (this.#access.proof === 'look' && isKubeError(error) && error.code === 'FORBIDDEN') {
        const remedy =
          'without the policy of deploy/rights-own.yaml a Secret of unknown owner is only touched after a look, which this account may not take';
        throw new TargetError('FORBIDDEN', `Secret ${namespace}/${name} exists already: ${remedy}`);
      }
      throw error;
    }
  }

  /** That a write passes proves that the Secret is ours only while the policy is there: it may have gone since the start. */
  async #requirePolicy(options: CallOptions): Promise<void> {
    const state = await probePolicy(this.#client, this.#access.agent, options);
    if (state === 'enforced') return;
    if (state === 'without grants') {
      throw new TargetError(
        'NOT_GRANTED',
        `the policy finds no ConfigMap ${this.#access.agent}/hikyaku-grants: nothing is deleted; apply deploy/grants.yaml`,
      );
    }
    throw new TargetError(
      'FORBIDDEN',
      'the policy hikyaku-own does not limit this account any more: no Secret of unknown owner is touched; apply deploy/rights-own.yaml',
    );
  }

  #object(desired: DesiredSecret, guard?: ObjectIdentity): SecretObject {
    const object = secretObject(desired, this.#access.agent);
    if (guard === undefined) return object;
    const { uid, resourceVersion } = guard;
    return { ...object, metadata: { ...object.metadata, uid, ...(resourceVersion !== '' && { resourceVersion }) } };
  }
}

/** Whoever calls forgets the uid first, so that a crash right after the Secret was made orphans nothing. */
function gone(namespace: string, name: string): TargetError {
  return new TargetError('GONE', `Secret ${namespace}/${name} has to be made again`);
}

/** What may mean that another has written since we knew the Secret. */
const CHANGED_MEANWHILE: ReadonlySet<string> = new Set(['ALREADY_EXISTS', 'CONFLICT', 'NOT_FOUND']);

function guardOf(entry: InventoryEntry | undefined): Ours | undefined {
  return entry?.uid === undefined ? undefined : { uid: entry.uid, resourceVersion: entry.resourceVersion ?? '' };
}

function outcomeOf({
  wrote,
  seen,
  sameAsEntry,
}: {
  readonly wrote: boolean;
  readonly seen: boolean;
  readonly sameAsEntry: boolean;
}): PutResult['outcome'] {
  if (!seen) return wrote ? 'updated' : 'unchanged';
  if (!sameAsEntry) return 'adopted';
  return wrote ? 'repaired' : 'unchanged';
}

function uidOfStatus(body: unknown): string {
  const details = typeof body === 'object' && body !== null && 'details' in body ? body.details : undefined;
  const uid = typeof details === 'object' && details !== null && 'uid' in details ? details.uid : undefined;
  if (typeof uid === 'string' && uid !== '') return uid;
  throw new TargetError('UNAVAILABLE', 'the API server does not say which Secret it would delete');
}
