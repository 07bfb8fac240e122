import type { CallOptions } from '@hikyaku/core';
import { TargetError } from '@hikyaku/engine';
import type { DesiredSecret, InventoryEntry, Observation, PutResult, RemoveResult, SecretId } from '@hikyaku/engine';
import { isKubeError } from '@hikyaku/kube-client';
import type { KubeClient, SecretObject } from '@hikyaku/kube-client';
import { mergeKeys } from './merge-keys.ts';
import type { KeyMerge } from './merge-keys.ts';
import { managersOf, othersThanUs } from './others-than-us.ts';
import { AGENT_LABEL, MERGE_LABEL } from './ownership.ts';
import { MERGED_SHAPE } from './secret-object.ts';
import { splitId } from './split-id.ts';
import { isDeniedAsForeign } from './to-target-error.ts';

export interface KeyMergerOptions {
  readonly client: KubeClient;
  /** The agent's id. */
  readonly agent: string;
  readonly hmacKey: Uint8Array;
}

/** How often a write is tried again when somebody changes the Secret between the look and the write. */
const ROUNDS = 3;

/**
 * Our keys in somebody else's Secret: a GET, which its owner has to allow, and where a key of ours differs a PUT of the whole Secret as
 * it was seen. The API server keeps us to the data of Secrets that carry the label; that the other keys stay is up to this code.
 */
export class KeyMerger {
  readonly #client: KubeClient;
  readonly #agent: string;
  readonly #hmacKey: Uint8Array;

  constructor({ client, agent, hmacKey }: KeyMergerOptions) {
    this.#client = client;
    this.#agent = agent;
    this.#hmacKey = hmacKey;
  }

  /** Throws TargetError and KubeError, as do the others. */
  async put(desired: DesiredSecret, entry: InventoryEntry | undefined, options: CallOptions): Promise<PutResult> {
    const { id } = desired;
    for (let round = 0; ; round++) {
      const live = await this.#look(id, options);
      const merge = this.#merge(id, live, desired, entry);
      const { uid = '', resourceVersion = '' } = live.metadata;
      if (!merge.changes) {
        // What others write into it is nothing to remember.
        const known = entry?.uid === uid ? entry.resourceVersion : undefined;
        return { uid, resourceVersion: known ?? resourceVersion, outcome: 'unchanged' };
      }
      if (!merge.announced) {
        throw new TargetError('UNANNOUNCED', `Secret ${id}: what is to be put into it is not in the inventory yet`);
      }
      const written = await this.#write(live, merge, round, options);
      if (written === undefined) continue;
      const repaired = entry?.uid !== undefined && isWritten(entry, desired, merge);
      if (!repaired) return { ...written, outcome: 'updated' };
      return { ...written, outcome: 'repaired', ...othersThanUs(managersOf(live, desired.data.keys())) };
    }
  }

  async remove(entry: InventoryEntry, options: CallOptions): Promise<RemoveResult> {
    const { id } = entry;
    for (let round = 0; ; round++) {
      try {
        const live = await this.#look(id, options);
        const merge = this.#merge(id, live, undefined, entry);
        if (!merge.changes || (await this.#write(live, merge, round, options)) !== undefined) return 'withdrawn';
      } catch (error) {
        if (!(error instanceof TargetError)) throw error;
        if (error.code === 'ABSENT') return 'absent';
        if (error.code === 'FOREIGN' || error.code === 'UNCHANGEABLE') return 'foreign';
        if (error.code !== 'FORBIDDEN') throw error;
        const keys = [...entry.keys.keys()].join(', ');
        const remedy = 'to leave them there, put its entry back with `whenRemoved: keep` and take it out once more';
        throw new TargetError('FORBIDDEN', `${error.message}; ${keys} cannot be taken out of it: ${remedy}`);
      }
    }
  }

  /** What is there, our keys alone; with a PUT as a dry run where one would be sent. */
  async observe(
    id: SecretId,
    desired: DesiredSecret | undefined,
    entry: InventoryEntry | undefined,
    options: CallOptions,
  ): Promise<Observation> {
    try {
      const live = await this.#look(id, options);
      const merge = this.#merge(id, live, desired, entry);
      if (merge.changes) await this.#write(live, merge, ROUNDS, { ...options, dryRun: true });
      return { state: 'ours', actual: { shape: MERGED_SHAPE, keys: merge.actual }, drifted: false };
    } catch (error) {
      if (desired === undefined && error instanceof TargetError && error.code === 'ABSENT') return { state: 'absent' };
      throw error;
    }
  }

  #merge(
    id: SecretId,
    live: SecretObject,
    desired: DesiredSecret | undefined,
    entry: InventoryEntry | undefined,
  ): KeyMerge {
    const merge = mergeKeys({ id, live, desired, entry, agent: this.#agent, hmacKey: this.#hmacKey });
    const { conflicts } = merge;
    if (conflicts.length > 0) {
      const keys = conflicts.join(', ');
      throw new TargetError(
        'FOREIGN',
        `Secret ${id} holds ${keys} already, with another value, and this agent did not put it there; nothing is overwritten: its owner removes ${conflicts.length > 1 ? 'these keys' : 'the key'} first, or the config names another`,
      );
    }
    if (merge.changes && live.immutable === true) {
      throw new TargetError(
        'UNCHANGEABLE',
        `Secret ${id} is immutable: nothing can be merged into it; its owner has to make it anew`,
      );
    }
    return merge;
  }

  /** `undefined` where somebody has changed it since the look, and another is due. */
  async #write(
    live: SecretObject,
    { data }: KeyMerge,
    round: number,
    options: CallOptions & { readonly dryRun?: boolean },
  ): Promise<{ readonly uid: string; readonly resourceVersion: string } | undefined> {
    try {
      const { managers: _, ...written } = await this.#client.secrets.replace({ ...live, data }, options);
      return written;
    } catch (error) {
      if (isDeniedAsForeign(error)) {
        const id = `${live.metadata.namespace}/${live.metadata.name}`;
        throw new TargetError(
          'NOT_GRANTED',
          `Secret ${id}: the policy of this cluster does not know the label ${MERGE_LABEL}; apply the deploy/rights-own.yaml of this version`,
        );
      }
      const changedMeanwhile = isKubeError(error) && (error.code === 'CONFLICT' || error.code === 'NOT_FOUND');
      if (!changedMeanwhile || round >= ROUNDS) throw error;
      return undefined;
    }
  }

  /** The live Secret; throws where there is none, or its owner has not agreed. */
  async #look(id: SecretId, options: CallOptions): Promise<SecretObject> {
    const [namespace, name] = splitId(id);
    const live = await this.#get(namespace, name, options);
    const { [AGENT_LABEL]: whole, [MERGE_LABEL]: agreed = '' } = live.metadata.labels ?? {};
    if (namespace === this.#agent) {
      throw new TargetError('FOREIGN', `Secret ${id} is in the namespace of the agent itself: nothing is merged there`);
    }
    if (whole !== undefined) {
      const whose = whole === this.#agent ? 'this agent' : `the agent ${whole}`;
      throw new TargetError(
        'FOREIGN',
        `Secret ${id} carries the label ${AGENT_LABEL}: ${whose} makes it as a whole, so that nothing can be merged into it`,
      );
    }
    if (agreed.split('.').includes(this.#agent)) return live;
    const text = `Secret ${id} is somebody else's, who has not agreed that keys are merged into it`;
    throw new TargetError('FOREIGN', `${text}; ${this.#consent(namespace, name, agreed)}`);
  }

  async #get(namespace: string, name: string, options: CallOptions): Promise<SecretObject> {
    try {
      return await this.#client.secrets.get(namespace, name, options);
    } catch (error) {
      if (!isKubeError(error) || (error.code !== 'NOT_FOUND' && error.code !== 'FORBIDDEN')) throw error;
      const id = `${namespace}/${name}`;
      if (await this.#isMissing(namespace, options)) {
        throw new TargetError(
          'NAMESPACE_MISSING',
          `Secret ${id}: namespace ${namespace} does not exist; waiting for it`,
        );
      }
      if (error.code === 'NOT_FOUND') {
        throw new TargetError(
          'ABSENT',
          `Secret ${id} does not exist, and \`existing: merge\` never makes it: waiting for its owner to`,
        );
      }
      const text = `Secret ${id}: this account may not get it, and merging needs that`;
      throw new TargetError('FORBIDDEN', `${text}; ${this.#consent(namespace, name, '')}`);
    }
  }

  /** Who may not look at namespaces does not learn it. */
  async #isMissing(namespace: string, options: CallOptions): Promise<boolean> {
    try {
      await this.#client.namespaces.get(namespace, options);
      return false;
    } catch (error) {
      options.signal.throwIfAborted();
      return isKubeError(error) && error.code === 'NOT_FOUND';
    }
  }

  #consent(namespace: string, name: string, agreed: string): string {
    const agents = agreed === '' ? this.#agent : `${agreed}.${this.#agent} --overwrite`;
    const label = `kubectl label secret ${name} --namespace ${namespace} ${MERGE_LABEL}=${agents}`;
    return `its owner agrees with: ${label}; and lets the agent in the cluster get it with: hikyaku rights role ${namespace}/${name} --merge | kubectl apply -f -`;
  }
}

/** Whether just this was put last, so that somebody else has changed it since. */
function isWritten({ keys }: InventoryEntry, desired: DesiredSecret, { wanted }: KeyMerge): boolean {
  return keys.size === desired.data.size && [...wanted].every(([key, text]) => keys.get(key)?.fingerprint === text);
}
