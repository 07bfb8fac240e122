import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import {
  applyYaml,
  createNamespace,
  installRights,
  mintToken,
  readInstallFile,
  readSecrets,
  startCluster,
  startHikyaku,
  succeeded,
  TcpProxy,
} from '@hikyaku/testbed';
import type { Api, Cluster, LiveSecret, Running } from '@hikyaku/testbed';
import { NAMESPACES, SOURCES } from './model.ts';
import type { Model, SourceName } from './model.ts';

/** Nothing of it is the agent's, and nothing of it may change but by the campaign. */
const FOREIGN = [
  { name: 'foreign', labels: {} },
  { name: 'of-another-agent', labels: { 'hikyaku.dev/agent': 'another' } },
];
const MANAGED = { group: '/apis/rbac.authorization.k8s.io/v1', binding: 'clusterrolebindings/hikyaku-own' };

/** A real API server, two fake services, and the agents that run between them. */
export class World implements AsyncDisposable {
  readonly model: Model;
  readonly fakes: Readonly<Record<SourceName, FakeDoppler>>;
  readonly proxy: TcpProxy;
  readonly admin: Api;
  readonly replicas: number;
  agents: (Running | undefined)[];
  /** All that agents have written that ended. */
  readonly logs: string[] = [];
  readonly #cluster: Cluster;
  readonly #directory: string;
  readonly #tokens = new Map<SourceName, string>();

  static async start(model: Model, replicas: number): Promise<World> {
    const cluster = await startCluster();
    await installRights(cluster);
    const fakes = {
      homelab: await startFakeDoppler({ limits: { secretReads: 1_000_000 } }),
      shared: await startFakeDoppler({ limits: { secretReads: 1_000_000 } }),
    };
    const proxy = await TcpProxy.start(() => Number(new URL(cluster.url).port));
    const directory = await mkdtemp(join(tmpdir(), 'hikyaku-campaign-'));
    const world = new World(model, replicas, cluster, fakes, proxy, directory);
    for (const source of SOURCES) {
      fakes[source].addConfig(source, 'prd', Object.fromEntries(model.sources[source]));
      await world.newProviderToken(source);
    }
    await world.writeClock(0);
    await world.newApiToken();
    await world.writeKubeconfig();
    await world.writeConfig();
    for (const namespace of NAMESPACES) await world.makeNamespace(namespace);
    const origins = Object.values(fakes).map(({ url }) => url);
    await world.grant(origins);
    return world;
  }

  private constructor(
    model: Model,
    replicas: number,
    cluster: Cluster,
    fakes: Record<SourceName, FakeDoppler>,
    proxy: TcpProxy,
    directory: string,
  ) {
    this.model = model;
    this.replicas = replicas;
    this.agents = Array.from({ length: replicas }, () => undefined);
    this.#cluster = cluster;
    this.admin = cluster.admin;
    this.fakes = fakes;
    this.proxy = proxy;
    this.#directory = directory;
  }

  startAgent(replica: number): void {
    const config = join(this.#directory, 'hikyaku.yaml');
    const lead = this.replicas > 1 ? ['--leader-election'] : [];
    this.agents[replica] = startHikyaku(['run', '--config', config, ...lead, '--log-level', 'debug'], {
      nodeFlags: ['--import', new URL('clock-jump.mjs', import.meta.url).href],
      env: {
        KUBECONFIG: join(this.#directory, 'kubeconfig'),
        CLOCK_FILE: join(this.#directory, 'clock'),
        HOSTNAME: `replica-${replica}`,
        // Held to the grants, as in a pod.
        KUBERNETES_SERVICE_HOST: '192.0.2.1',
        KUBERNETES_SERVICE_PORT: '443',
      },
    });
  }

  async endAgent(replica: number, signal: NodeJS.Signals): Promise<void> {
    const running = this.agents[replica];
    if (running === undefined) return;
    this.agents[replica] = undefined;
    await running.stop(signal);
    this.logs.push(running.output);
  }

  /** Of those that have ended by themselves, what they wrote last. */
  get died(): readonly string[] {
    return this.agents.flatMap((running) =>
      running !== undefined && running.process.exitCode !== null ? [running.output.slice(-3_000)] : [],
    );
  }

  get output(): string {
    return [...this.logs, ...this.agents.map((running) => running?.output ?? '')].join('');
  }

  async writeConfig(text?: string): Promise<void> {
    const { homelab, shared } = this.fakes;
    await this.#write('hikyaku.yaml', text ?? this.model.config({ homelab: homelab.url, shared: shared.url }));
  }

  writeClock(offsetMs: number): Promise<void> {
    return this.#write('clock', String(offsetMs));
  }

  async newProviderToken(source: SourceName): Promise<void> {
    const before = this.#tokens.get(source);
    const token = this.fakes[source].serviceAccountToken();
    this.#tokens.set(source, token);
    if (before !== undefined) this.fakes[source].revoke(before);
    await this.#write(`${source}-token`, token);
  }

  revokeProviderToken(source: SourceName): void {
    const token = this.#tokens.get(source);
    if (token !== undefined) this.fakes[source].revoke(token);
    this.#tokens.delete(source);
  }

  async newApiToken(): Promise<void> {
    await this.#write('api-token', await mintToken(this.admin, 'hikyaku', 'hikyaku'));
  }

  spoilApiToken(): Promise<void> {
    return this.#write('api-token', 'expired');
  }

  async restartApiServer(how: 'stop' | 'kill'): Promise<void> {
    if (how === 'kill') await this.#cluster.kill();
    await this.#cluster.restart();
  }

  async makeNamespace(name: string): Promise<void> {
    await createNamespace(this.admin, name);
    for (const { name: foreign, labels } of FOREIGN) {
      const body = { metadata: { name: foreign, labels }, type: 'Opaque', stringData: { theirs: 'untouched' } };
      succeeded(await this.admin('POST', `/api/v1/namespaces/${name}/secrets`, body));
    }
  }

  async deleteNamespace(name: string): Promise<void> {
    succeeded(await this.admin('DELETE', `/api/v1/namespaces/${name}`));
    while ((await this.admin('GET', `/api/v1/namespaces/${name}`)).status !== 404)
      await new Promise((resolve) => setTimeout(resolve, 100));
  }

  async takeRights(): Promise<void> {
    succeeded(await this.admin('DELETE', `${MANAGED.group}/${MANAGED.binding}`));
  }

  async giveRights(): Promise<void> {
    await applyYaml(this.admin, await readInstallFile('rights-own.yaml'));
  }

  async grant(origins: readonly string[]): Promise<void> {
    const body = { data: { 'grants.yaml': `version: 1\norigins: ${JSON.stringify(origins)}\n` } };
    const headers = { 'content-type': 'application/merge-patch+json' };
    succeeded(await this.admin('PATCH', '/api/v1/namespaces/hikyaku/configmaps/hikyaku-grants', body, headers));
  }

  /** All Secrets of the namespaces, by `namespace/name`. */
  async secrets(): Promise<ReadonlyMap<string, LiveSecret>> {
    const all = new Map<string, LiveSecret>();
    for (const namespace of NAMESPACES)
      for (const [name, secret] of await readSecrets(this.admin, namespace)) all.set(`${namespace}/${name}`, secret);
    return all;
  }

  isForeign(id: string): boolean {
    return FOREIGN.some(({ name }) => id.endsWith(`/${name}`));
  }

  async writeKubeconfig(): Promise<void> {
    await this.#write(
      'kubeconfig',
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'campaign',
        contexts: [{ name: 'campaign', context: { cluster: 'campaign', user: 'agent', namespace: 'hikyaku' } }],
        clusters: [
          {
            name: 'campaign',
            cluster: {
              server: `https://127.0.0.1:${this.proxy.port}`,
              'certificate-authority': this.#cluster.caPath,
            },
          },
        ],
        users: [
          {
            name: 'agent',
            user: { 'auth-provider': { name: 'tokenFile', config: { tokenFile: join(this.#directory, 'api-token') } } },
          },
        ],
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.proxy.mode = 'open';
    await Promise.all(this.agents.map((_, replica) => this.endAgent(replica, 'SIGKILL')));
    await this.proxy[Symbol.asyncDispose]();
    for (const fake of Object.values(this.fakes)) await fake.close();
    await this.#cluster.stop();
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** At once, so that nobody reads half of it. */
  async #write(name: string, text: string): Promise<void> {
    const path = join(this.#directory, name);
    await writeFile(`${path}.new`, text);
    await rename(`${path}.new`, path);
  }
}
