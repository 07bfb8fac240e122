import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import { applyYaml, field, hikyaku, succeeded } from '@hikyaku/testbed';
import type { Api, Cluster, Finished, Running } from '@hikyaku/testbed';
import { vi } from 'vitest';
import { yamlBlocks } from '../../../tools/testbed/src/yaml-blocks.ts';
import { Stage } from './stage.test.kit.ts';

const root = new URL('../../../', import.meta.url).pathname;
const MERGE_PATCH = { 'content-type': 'application/merge-patch+json' };

export type Values = Readonly<Record<string, string>>;
/** `stranger`: may do nothing. */
type Person = 'asker' | 'approver' | 'stranger' | 'admin';
type Box = 'hikyaku-status' | 'hikyaku-request' | 'hikyaku-approval';

/** A stage with the agent as a daemon, and people with the Roles of the docs. */
export class People implements AsyncDisposable {
  readonly cluster: Cluster;
  readonly admin: Api;
  readonly doppler: FakeDoppler;
  readonly #stage: Stage;
  readonly #persons = new Map<string, string>();

  private constructor(stage: Stage) {
    this.#stage = stage;
    this.cluster = stage.cluster;
    this.admin = stage.admin;
    this.doppler = stage.doppler;
  }

  static async start(directory?: string): Promise<People> {
    const options = { controllers: false, ...(directory !== undefined && { directory }) };
    const people = new People(await Stage.open('people', options));
    await people.#add('asker', 'hikyaku-refresh', 'docs/status.md');
    await people.#add('approver', 'hikyaku-approve', 'docs/holds.md');
    const stranger = 'metadata: { name: stranger, namespace: default }';
    await applyYaml(people.admin, `apiVersion: v1\nkind: ServiceAccount\n${stranger}\n`);
    people.#persons.set('stranger', await people.cluster.agentKubeconfig('default', 'stranger'));
    return people;
  }

  async #add(name: string, role: string, page: string): Promise<void> {
    const blocks = await yamlBlocks(root, [page]);
    const block = blocks.find(({ text }) => text.includes(`name: ${role}`));
    if (block === undefined) throw new Error(`${page} has no Role ${role}`);
    const metadata = `metadata: { name: ${name}, namespace: default }`;
    const subjects = `subjects: [{ kind: ServiceAccount, name: ${name}, namespace: default }]`;
    const roleRef = `roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: ${role} }`;
    await applyYaml(
      this.admin,
      `${block.text}\n---\napiVersion: v1\nkind: ServiceAccount\n${metadata}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: { name: ${name}, namespace: hikyaku }\n${roleRef}\n${subjects}\n`,
    );
    this.#persons.set(name, await this.cluster.agentKubeconfig('default', name));
  }

  /** Of the test that runs. */
  get namespace(): string {
    return this.#stage.namespace;
  }

  /** For one test: a namespace, and nothing known of what was before. */
  async begin(): Promise<void> {
    await this.#stage.begin();
  }

  async end(): Promise<void> {
    await this.#stage.end();
    for (const name of ['hikyaku-status', 'hikyaku-request', 'hikyaku-approval'] as const) await this.write(name, null);
  }

  /** The entry under `providers:` of a Doppler config of this test. */
  source(name: string, values: Values, more: object = {}): object {
    this.doppler.addConfig(this.namespace, name, values);
    return this.#stage.source(name, more);
  }

  secret(name: string, more: object): object {
    return { name, namespace: this.namespace, ...more };
  }

  async run(config: object, ...more: readonly string[]): Promise<Running> {
    const path = await this.#stage.configs.write({ resync: '1h', ...config });
    const flags = ['--kubeconfig', this.#stage.kubeconfig, '--log-level', 'debug'];
    const daemon = this.#stage.start(['run', '--config', path, ...flags, ...more]);
    await daemon.logged({ msg: 'started' });
    return daemon;
  }

  /** A command of a person, without a config. */
  async as(name: Person, ...args: readonly string[]): Promise<Finished> {
    return await hikyaku([...args, '--kubeconfig', this.kubeconfigOf(name)], { cwd: '/' });
  }

  kubeconfigOf(name: Person): string {
    return (name === 'admin' ? this.cluster.kubeconfig : this.#persons.get(name)) ?? '';
  }

  async read(name: Box): Promise<Values> {
    const data = field(succeeded(await this.admin('GET', boxPath(name))), 'data');
    return typeof data === 'object' && data !== null ? { ...data } : {};
  }

  /** What stands there is replaced by this. */
  async write(name: Box, data: Values | null): Promise<void> {
    succeeded(await this.admin('PATCH', boxPath(name), { data: null }, MERGE_PATCH));
    if (data !== null) await this.add(name, data);
  }

  async add(name: Box, data: Values): Promise<void> {
    succeeded(await this.admin('PATCH', boxPath(name), { data }, MERGE_PATCH));
  }

  async status(): Promise<unknown> {
    const text = (await this.read('hikyaku-status'))['status.json'];
    return text === undefined ? undefined : JSON.parse(text);
  }

  /** What is held, once the status says that something is. */
  async held(scope: string): Promise<{ readonly digest: string; readonly changes: unknown }> {
    return await this.until(async () => {
      const holds = field(await this.status(), 'holds');
      const hold: unknown = Array.isArray(holds) ? holds.find((one) => field(one, 'scope') === scope) : undefined;
      if (hold === undefined) throw new Error(`nothing is held of ${scope}`);
      return { digest: String(field(hold, 'digest')), changes: field(hold, 'changes') };
    });
  }

  async until<T>(holds: () => Promise<T>): Promise<T> {
    return await vi.waitFor(holds, { timeout: 30_000, interval: 100 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stage[Symbol.asyncDispose]();
  }
}

function boxPath(name: Box): string {
  return `/api/v1/namespaces/hikyaku/configmaps/${name}`;
}
