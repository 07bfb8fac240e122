import type { DevClusterOptions } from '@hikyaku/devcluster';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import {
  ConfigFiles,
  createNamespace,
  installRights,
  resetInventory,
  startCluster,
  startHikyaku,
} from '@hikyaku/testbed';
import type { Api, Cluster, Finished, HikyakuOptions, Running } from '@hikyaku/testbed';

interface Parts {
  readonly name: string;
  readonly cluster: Cluster;
  readonly own: Api;
  readonly kubeconfig: string;
  readonly doppler: FakeDoppler;
  readonly configs: ConfigFiles;
  readonly close: () => Promise<void>;
}

/** A real API server with the rights of deploy/rights-own.yaml, a Doppler that limits nobody, and agents that end with their test. */
export class Stage implements AsyncDisposable {
  readonly cluster: Cluster;
  readonly admin: Api;
  /** With the agent's own rights. */
  readonly own: Api;
  /** The agent's. */
  readonly kubeconfig: string;
  readonly doppler: FakeDoppler;
  /** One token for all sources: the second must not wait for the first one's budget. */
  readonly env: Readonly<Record<'DOPPLER_TOKEN', string>>;
  readonly configs: ConfigFiles;
  /** What the test has started. */
  readonly running = new Set<Running>();
  readonly #name: string;
  readonly #close: () => Promise<void>;
  #count = 0;
  /** Of the test that runs; its Doppler project too. */
  namespace = '';

  private constructor({ name, cluster, own, kubeconfig, doppler, configs, close }: Parts) {
    this.cluster = cluster;
    this.admin = cluster.admin;
    this.own = own;
    this.kubeconfig = kubeconfig;
    this.doppler = doppler;
    this.env = { DOPPLER_TOKEN: doppler.serviceAccountToken() };
    this.configs = configs;
    this.#name = name;
    this.#close = close;
  }

  /** `name`: what its namespaces are called, with a number behind. */
  static async open(name: string, options: DevClusterOptions = {}): Promise<Stage> {
    await using opened = new AsyncDisposableStack();
    const configs = opened.use(new ConfigFiles());
    const cluster = opened.use(await startCluster(options));
    const own = await installRights(cluster);
    const kubeconfig = await cluster.agentKubeconfig();
    const doppler = opened.use(await startFakeDoppler({ limits: { secretReads: 1_000_000, writes: 1_000_000 } }));
    const parts = opened.move();
    return new Stage({ name, cluster, own, kubeconfig, doppler, configs, close: () => parts.disposeAsync() });
  }

  /** Before a test: a namespace of its own. */
  async begin(): Promise<string> {
    this.namespace = `${this.#name}-${++this.#count}`;
    await createNamespace(this.admin, this.namespace);
    return this.namespace;
  }

  /** The entry under `providers:` of a Doppler config of this test, which is read each second. */
  source(config: string, more: object = {}): object {
    const place = { type: 'doppler', url: this.doppler.url, project: this.namespace, config };
    return { ...place, token: { env: 'DOPPLER_TOKEN' }, refresh: '1s', ...more };
  }

  /** Starts a command, and ends it with the test. */
  start(args: readonly string[], options: HikyakuOptions = { env: this.env }): Running {
    const agent = startHikyaku(args, options);
    this.running.add(agent);
    return agent;
  }

  /** After a test: nothing runs, and the next agent knows nothing of what this one made. Answers with what they have written. */
  async end(): Promise<readonly Finished[]> {
    const finished = await Promise.all([...this.running].map((agent) => agent.stop()));
    this.running.clear();
    this.doppler.clearFaults();
    await resetInventory(this.admin);
    return finished;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}
