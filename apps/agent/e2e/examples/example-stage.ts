import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createNamespace, installRights, readSecrets, resetInventory, startCluster, succeeded } from '@hikyaku/testbed';
import type { Api, Cluster } from '@hikyaku/testbed';
import { allExamples } from './all-examples.ts';
import type { Example } from './example.ts';
import type { Live } from './live-secrets.ts';
import { prepareExample } from './prepare-example.ts';
import type { PreparedExample } from './prepare-example.ts';
import type { Preparer } from './preparer.ts';
import { startPreparers } from './preparers.ts';

export const examplesDirectory = fileURLToPath(new URL('../../../../examples', import.meta.url));
const ids = Object.values(allExamples).flatMap(({ secrets }) => Object.keys(secrets));
const namespaces = [...new Set(ids.map((id) => dirname(id)))];

interface Parts {
  readonly cluster: Cluster;
  readonly own: Api;
  readonly kubeconfig: string;
  readonly preparer: Preparer;
  /** A folder for their copies. */
  readonly work: string;
  readonly close: () => Promise<void>;
}

/** A real API server with the rights and grants that are installed, the namespaces of all examples, and what stands for their services. */
export class ExampleStage implements AsyncDisposable {
  readonly cluster: Cluster;
  /** With the agent's own rights. */
  readonly own: Api;
  /** The agent's. */
  readonly kubeconfig: string;
  readonly #preparer: Preparer;
  readonly #work: string;
  readonly #close: () => Promise<void>;

  private constructor({ cluster, own, kubeconfig, preparer, work, close }: Parts) {
    this.cluster = cluster;
    this.own = own;
    this.kubeconfig = kubeconfig;
    this.#preparer = preparer;
    this.#work = work;
    this.#close = close;
  }

  static async open(): Promise<ExampleStage> {
    await using opened = new AsyncDisposableStack();
    const work = await mkdtemp(join(tmpdir(), 'hikyaku-examples-'));
    opened.defer(() => rm(work, { recursive: true, force: true }));
    const cluster = opened.use(await startCluster());
    const preparer = opened.use(await startPreparers(cluster));
    const own = await installRights(cluster);
    const kubeconfig = await cluster.agentKubeconfig();
    const missing = namespaces.filter((name) => name !== 'default');
    await Promise.all(missing.map((name) => createNamespace(cluster.admin, name)));
    const parts = opened.move();
    return new ExampleStage({ cluster, own, kubeconfig, preparer, work, close: () => parts.disposeAsync() });
  }

  /** Of each example once. */
  async prepare(name: string, example: Example): Promise<PreparedExample> {
    const to = join(this.#work, name.replaceAll('/', '-'));
    return await prepareExample(name, example, { preparer: this.#preparer, from: examplesDirectory, to });
  }

  /** All Secrets of the agent. */
  async ours(): Promise<Readonly<Record<string, Live>>> {
    const found: Record<string, Live> = {};
    for (const namespace of namespaces) {
      const secrets = await readSecrets(this.cluster.admin, namespace);
      for (const [name, { data, type, immutable, labels, annotations }] of secrets) {
        if (labels['hikyaku.dev/agent'] === undefined) continue;
        found[`${namespace}/${name}`] = { data, type, immutable, labels, annotations };
      }
    }
    return found;
  }

  async removeOurs(): Promise<void> {
    const { admin } = this.cluster;
    for (const namespace of namespaces) {
      const ours = `/api/v1/namespaces/${namespace}/secrets?labelSelector=hikyaku.dev/agent%3Dhikyaku`;
      succeeded(await admin('DELETE', ours));
    }
    await resetInventory(admin);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}
