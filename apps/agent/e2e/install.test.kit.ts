import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ensureReferenceTool } from '@hikyaku/reference-tools';
import { applyYaml, field, parseManifests, startHikyaku } from '@hikyaku/testbed';
import type { Cluster, Manifest, Running } from '@hikyaku/testbed';
import { parse, stringify } from 'yaml';
import { objectOf, textsIn } from './manifests.test.kit.ts';

/** One kubeconfig for the administrator of several clusters, with a context of its name for each. */
export async function writeKubeconfig(path: string, clusters: Readonly<Record<string, Cluster>>): Promise<void> {
  const parts = await Promise.all(
    Object.entries(clusters).map(async ([name, { kubeconfig }]) => {
      const one: unknown = parse(await readFile(kubeconfig, 'utf8'));
      return {
        cluster: { name, cluster: field(one, 'clusters', 0, 'cluster') },
        user: { name, user: field(one, 'users', 0, 'user') },
        context: { name, context: { cluster: name, user: name } },
      };
    }),
  );
  const whole = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: parts.map(({ cluster }) => cluster),
    users: parts.map(({ user }) => user),
    contexts: parts.map(({ context }) => context),
    'current-context': '',
  };
  await writeFile(path, stringify(whole), { mode: 0o600 });
}

/** What kustomize makes of a folder. */
export async function buildFolder(folder: string): Promise<readonly Manifest[]> {
  const kustomize = await ensureReferenceTool('kustomize');
  const { stdout } = await promisify(execFile)(kustomize, ['build', folder], { maxBuffer: 8_000_000 });
  return parseManifests(stdout);
}

/** A cluster that a folder is applied to, and the one Pod of its Deployment. */
export class InstalledCluster implements AsyncDisposable {
  readonly cluster: Cluster;
  #mount: string | undefined;
  #deployment: Manifest | undefined;
  agent: Running | undefined;

  constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  /** As `kubectl apply -k` does, and what a kubelet does of it. */
  async apply(folder: string): Promise<void> {
    const objects = await buildFolder(folder);
    await applyYaml(this.cluster.admin, objects.map((object) => `---\n${JSON.stringify(object)}\n`).join(''));
    this.#mount ??= await mkdtemp(join(tmpdir(), 'hikyaku-mount-'));
    const data = field(objectOf(objects, 'ConfigMap', 'hikyaku-config'), 'data');
    for (const [name, text] of Object.entries(Object(data))) {
      const path = join(this.#mount, name);
      await writeFile(`${path}.new`, String(text));
      await rename(`${path}.new`, path);
    }
    this.#deployment = objectOf(objects, 'Deployment', 'hikyaku');
    this.agent ??= await this.#keepRunning(this.#deployment, this.#mount);
  }

  async stopAgent(): Promise<void> {
    await this.agent?.stop();
    this.agent = undefined;
  }

  /** With the files that it has. */
  async restart(): Promise<void> {
    if (this.#deployment === undefined || this.#mount === undefined) throw new Error('nothing was applied yet');
    await this.stopAgent();
    this.agent = await this.#keepRunning(this.#deployment, this.#mount);
  }

  /** A Pod that ends is started again: the API server may not know yet what limits it. */
  async #keepRunning(deployment: Manifest, mount: string): Promise<Running> {
    for (let round = 1; ; round++) {
      const agent = await this.#start(deployment, mount);
      const started = agent.logged({ msg: 'started' });
      if (
        await started.then(
          () => true,
          () => round === 10,
        )
      ) {
        await started;
        return agent;
      }
      await agent.stop();
      await sleep(1_000);
    }
  }

  async #start(deployment: Manifest, mount: string): Promise<Running> {
    const container = field(deployment, 'spec', 'template', 'spec', 'containers', 0);
    const [node, ...command] = textsIn(field(container, 'command'));
    if (node !== 'node' || command.at(-1) !== '/app/hikyaku.js') throw new Error('another command');
    // Pods have addresses of their own, and any port.
    const args = textsIn(field(container, 'args')).map((arg) =>
      arg.replace(/^\/config(?=\/)/, mount).replace(/^\d+$/, '127.0.0.1:0'),
    );
    const KUBECONFIG = await this.cluster.agentKubeconfig();
    const env = { KUBECONFIG, KUBERNETES_SERVICE_HOST: '192.0.2.1', KUBERNETES_SERVICE_PORT: '443' };
    return startHikyaku(args, { nodeFlags: command.slice(0, -1), env });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent?.stop();
    await this.cluster.stop();
    if (this.#mount !== undefined) await rm(this.#mount, { recursive: true, force: true });
  }
}
