import { isDeepStrictEqual } from 'node:util';
import type { ClusterConfig, Config, PushEntry } from '@hikyaku/config';
import { systemClock } from '@hikyaku/core';
import type { Logger } from '@hikyaku/core';
import { Reconciler, secretId } from '@hikyaku/engine';
import type {
  EngineParts,
  EngineUpdate,
  Holds,
  Inventory,
  PushInventory,
  PushOrigin,
  Report,
  Target,
} from '@hikyaku/engine';
import {
  ConfigMapInventory,
  ConfigMapPushInventory,
  KubernetesPushOrigin,
  KubernetesTarget,
  loadHmacKey,
  SecretSnapshots,
} from '@hikyaku/kubernetes';
import type { Cluster } from './connect-cluster.ts';
import { guardClient } from './pushes/guard-client.ts';
import type { SealedValues } from './credentials/sealed-values.ts';
import type { Edge } from './edge.ts';
import type { HeldGrants } from './grants/held-grants.ts';
import type { SourceLimits } from './grants/source-limits.ts';
import { meaningOf, OpenSources } from './open-sources.ts';
import { openPushes } from './pushes/open-pushes.ts';

/** A config, and what it may do here. */
export interface AgentConfig {
  /** What is for this cluster. */
  readonly config: Config;
  /** What may be. */
  readonly undecided: ClusterConfig['undecided'];
  /** What it is held to, in a pod. */
  readonly held: HeldGrants | undefined;
  readonly limits: SourceLimits;
}

export interface AgentOptions extends AgentConfig {
  readonly cluster: Cluster;
  readonly edge: Edge;
  readonly logger: Logger;
  readonly report: Report;
  /** Opens what is sealed; absent: nothing can be. */
  readonly sealed?: SealedValues | undefined;
  /** Asked before something is written to a provider; absent: it may. */
  readonly mayWrite?: () => boolean;
  /** Told of each request on behalf of a source, and what came of it. */
  readonly onAnswer?: (source: string, answer: string) => void;
  /** Only looks: makes nothing in the agent's namespace. */
  readonly readOnly?: boolean;
}

/** Everything wired together for one cluster, and for one config at a time. */
export class Agent implements AsyncDisposable {
  readonly target: Target;
  readonly reconciler: Reconciler;
  readonly snapshots: SecretSnapshots;
  readonly inventory: Inventory;
  readonly #options: AgentOptions;
  readonly #pushInventory: PushInventory;
  readonly #pushOrigin: PushOrigin;
  #by: AgentConfig;
  #opened: OpenSources;
  #parts: Required<EngineParts>;
  /** Closes what was left when the engine was told to stop before it had let go of it. */
  readonly #leaving = new Set<() => Promise<void>>();

  /** Throws TargetError where the agent's own objects cannot be read. */
  static async create(options: AgentOptions): Promise<Agent> {
    const { cluster, edge, logger, readOnly = false } = options;
    const { client, access } = cluster;
    const onUnreadable = (entry: string) => logger.warn({ entry }, 'inventory entry makes no sense: passed over');
    const inventory = new ConfigMapInventory({ client, access, onUnreadable });
    await inventory.reload(edge);
    const hmacKey = await loadHmacKey(client, access, { signal: edge.signal, readOnly });
    const onProblem = (source: string, problem: string) => logger.warn({ source, problem }, 'snapshot not kept');
    const snapshots = await SecretSnapshots.open({ client, access, readOnly, onProblem }, edge);
    const pushInventory = new ConfigMapPushInventory({ client, access, hmacKey, onUnreadable });
    await pushInventory.reload(edge);
    const target = new KubernetesTarget({ client, access, hmacKey });
    return new Agent(options, { inventory, snapshots, pushInventory, target });
  }

  private constructor(
    options: AgentOptions,
    own: {
      readonly inventory: ConfigMapInventory;
      readonly snapshots: SecretSnapshots;
      readonly pushInventory: PushInventory;
      readonly target: Target;
    },
  ) {
    const { client, access } = options.cluster;
    this.#options = options;
    this.#by = options;
    this.target = own.target;
    this.snapshots = own.snapshots;
    this.inventory = own.inventory;
    this.#pushInventory = own.pushInventory;
    this.#pushOrigin = new KubernetesPushOrigin({ client, access });
    this.#opened = this.#openSources(options);
    const pushes = this.#openPushes(options, this.#opened);
    this.#parts = { sources: this.#opened.sources, pushes, resyncMs: options.config.resyncMs };
    const { inventory, target } = own;
    const { report } = options;
    this.reconciler = new Reconciler({
      ...wantedOf(options, this.#opened),
      target,
      inventory,
      report,
      clock: systemClock,
    });
  }

  /** What the engine goes by. */
  get parts(): Required<EngineParts> {
    return this.#parts;
  }

  get sources(): OpenSources['sources'] {
    return this.#opened.sources;
  }

  /**
   * Goes on with another config: hands over what `update` needs, and closes what is not needed any more when that has resolved. What is the same
   * in both goes on undisturbed.
   */
  async goBy(next: AgentConfig, update: (to: EngineUpdate) => Promise<void>): Promise<void> {
    const before = { opened: this.#opened, pushes: this.#parts.pushes };
    this.#opened = this.#openSources(next, before.opened);
    const isSame = this.#opened.goesOn && isDeepStrictEqual(this.#pushesOf(next), this.#pushesOf(this.#by));
    const pushes = isSame ? before.pushes : this.#openPushes(next, this.#opened);
    this.#by = next;
    this.#parts = { sources: this.#opened.sources, pushes, resyncMs: next.config.resyncMs };
    const leave = async () => {
      this.#leaving.delete(leave);
      if (!isSame) await Promise.all(before.pushes.bySource.map((one) => one[Symbol.asyncDispose]()));
      await before.opened.leave(after.opened);
    };
    const after = { opened: this.#opened };
    this.#leaving.add(leave);
    await update({ ...this.#parts, ...wantedOf(next, this.#opened) });
    await leave();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#leaving].map((leave) => leave()));
    await Promise.all(this.#parts.pushes.bySource.map((pushes) => pushes[Symbol.asyncDispose]()));
    await this.#opened[Symbol.asyncDispose]();
  }

  #openSources({ config, limits }: AgentConfig, before?: OpenSources): OpenSources {
    const { cluster, edge, logger, sealed, onAnswer } = this.#options;
    const { client, access } = cluster;
    const { snapshots } = this;
    const own = { env: edge.env, client, namespace: access.agent };
    const surroundings = { ...own, clock: systemClock, sealed, logger, onAnswer };
    return new OpenSources(config, { ...surroundings, ...limits, snapshots }, before);
  }

  #openPushes({ config, undecided, held }: AgentConfig, opened: OpenSources): Required<EngineParts>['pushes'] {
    const origin = this.#pushOrigin;
    const bySource = openPushes(config, {
      undecided: undecided.pushes,
      held,
      origin,
      inventory: this.#pushInventory,
      connect: async (source) => guardClient(await opened.connect(source), this.#options.mayWrite),
      report: this.#options.report,
    });
    return { bySource, origin };
  }

  /** All that decides about pushes. */
  #pushesOf({ config, undecided, held }: AgentConfig): readonly unknown[] {
    const withoutPosition = (push: PushEntry) => ({ ...push, position: undefined });
    const pushedTo = new Set(config.pushes.map(({ source }) => source));
    for (const { id } of this.#pushInventory.entries.values()) pushedTo.add(id.slice(0, id.indexOf('/')));
    const sources = [...config.sources.values()]
      .filter(({ name }) => pushedTo.has(name))
      .map((source) => [source.name, source.hold, meaningOf(source)]);
    const granted = held?.grants.pushes.map(({ from, to }) => [from, to]);
    return [config.pushes.map(withoutPosition), undecided.pushes.map(withoutPosition), sources, granted];
  }
}

function wantedOf({ config, undecided }: AgentConfig, { sources }: OpenSources) {
  return {
    specs: config.secrets,
    undecided: new Set(undecided.secrets.map(secretId)),
    sources,
    holds: holdsOf(config),
  };
}

function holdsOf({ hold, sources }: Config): Holds {
  const lostKeys = new Map(
    [...sources].map(([name, source]) => [name, source.hold === 'off' ? source.hold : source.hold.lostKeys]),
  );
  return { lostSecrets: hold === 'off' ? hold : hold.lostSecrets, lostKeys };
}
