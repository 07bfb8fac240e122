import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  applyYaml,
  createNamespace,
  createSecret,
  eventually,
  expectExit,
  field,
  hikyaku,
  installRights,
  readInstallFile,
  startCluster,
  succeeded,
} from '@hikyaku/testbed';
import type { Api, ApiAnswer, Cluster } from '@hikyaku/testbed';
import { ruleOf } from './rules.ts';

export const OWN_SECRETS = '/api/v1/namespaces/hikyaku/secrets';
export const CONFIG_MAPS = '/api/v1/namespaces/hikyaku/configmaps';
export const GRANTS = `${CONFIG_MAPS}/hikyaku-grants`;
export const SECRETS = '/api/v1/namespaces/web/secrets';
export const DEPLOYMENTS = '/apis/apps/v1/namespaces/web/deployments';
export const MERGE_PATCH = { 'content-type': 'application/merge-patch+json' };
const LABEL = { 'hikyaku.dev/agent': 'hikyaku' };
const PLUG_IN = 'export default {};\n';

export type Kind = 'own' | 'named';

/** A Secret as the agent writes it; `more` goes beside the data, or into the metadata. */
export function ours(
  name: string,
  more: { readonly metadata?: object; readonly [field: string]: unknown } = {},
): object {
  const { metadata = {}, ...rest } = more;
  const data = { key: Buffer.from('value').toString('base64') };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    data,
    ...rest,
    metadata: { name, labels: LABEL, ...metadata },
  };
}

/** The first word of the policy that refused, else the status. */
export function wordOf({ status, body }: ApiAnswer): string {
  const [, policy = '', word = ''] =
    /ValidatingAdmissionPolicy 'hikyaku-([a-z-]+)'.*denied request: hikyaku: ([A-Za-z ]+): /.exec(
      String(field(body, 'message')),
    ) ?? [];
  return status === 422 && policy !== '' ? `policy ${policy}: ${word}` : String(status);
}

/** The grants as they stand beside a config, and in the cluster. */
export async function grantsText(kind: Kind, names: readonly string[]): Promise<string> {
  const grants = await readInstallFile('grants.yaml');
  if (kind === 'own') return grants;
  const digest = `sha256-${createHash('sha256').update(PLUG_IN).digest('base64')}`;
  const list = names.map((name) => `web/${name}`).join(', ');
  return grants
    .replace(/^ {2}types: >-\n(?: {4}.*\n)+/m, '  types: Opaque, kubernetes.io/tls\n')
    .replace('metadataPrefixes: app.kubernetes.io/\n', 'metadataPrefixes: app.kubernetes.io/, team\n')
    .replace(
      '    version: 1\n',
      `    version: 1
    types: [Opaque, kubernetes.io/tls]
    metadataPrefixes: [app.kubernetes.io/, team]
    names: [${list}]
    restarts: [web/Deployment/app, web/StatefulSet/app, web/DaemonSet/app]
    origins: ["https://api.doppler.com"]
    files: /run/hikyaku
    pushes: [{ from: web/app-env, to: homelab }]
    plugins: { ./vault.ts: { digest: ${digest} } }
`,
    )
    .replace(
      '  grants.yaml: |\n',
      `  names: ${list}\n  restarts: web/Deployment/app, web/StatefulSet/app, web/DaemonSet/app\n  grants.yaml: |\n`,
    );
}

/** A real API server with the install files, and the agent's token at work. */
export class Scene implements AsyncDisposable {
  readonly kind: Kind;
  readonly cluster: Cluster;
  readonly folder: string;
  readonly #agent: Api;
  /** The rules that requests which passed have made use of. */
  used = new Set<string>();

  private constructor(kind: Kind, cluster: Cluster, folder: string, agent: Api) {
    this.kind = kind;
    this.cluster = cluster;
    this.folder = folder;
    this.#agent = agent;
  }

  static async open(kind: Kind, grants: string): Promise<Scene> {
    const cluster = await startCluster({ controllers: false });
    const agent = await installRights(cluster);
    const folder = await mkdtemp(join(tmpdir(), 'hikyaku-rights-words-'));
    const scene = new Scene(kind, cluster, folder, agent);
    await applyYaml(cluster.admin, grants);
    for (const name of ['web', 'flux-system', 'argocd']) await createNamespace(cluster.admin, name);
    await createSecret(cluster.admin, 'web/foreign', { key: 'value' });
    await createSecret(cluster.admin, 'hikyaku/doppler', { token: 'token' });
    succeeded(await cluster.admin('POST', CONFIG_MAPS, { metadata: { name: 'hikyaku-config' }, data: {} }));
    await scene.makeWorkload('app');
    await scene.makeWorkload('other');
    if (kind === 'named') await applyYaml(cluster.admin, await readInstallFile('rights-restarts.yaml'));
    await mkdir(join(folder, 'secrets'));
    await writeFile(join(folder, 'vault.ts'), PLUG_IN);
    await writeFile(join(folder, 'grants.yaml'), grants);
    await eventually(async () => wordOf(await scene.probe('grants')).includes(kind === 'named' ? ': name' : '201'));
    if (kind === 'named') await eventually(async () => (await scene.restart('other', {})).status === 422);
    return scene;
  }

  get admin(): Api {
    return this.cluster.admin;
  }

  /** As the agent. */
  readonly agent: Api = async (method, path, body, headers) => {
    const answer = await this.#agent(method, path, body, headers);
    if (answer.status < 300) for (const rule of ruleOf(method, path)) this.used.add(rule);
    return answer;
  };

  /** Creates a Secret of the agent that lasts no longer than the answer. */
  async probe(name: string): Promise<ApiAnswer> {
    return await this.#agent('POST', `${SECRETS}?dryRun=All`, ours(name));
  }

  async restart(
    name: string,
    spec: object,
    annotations: object = { 'hikyaku.dev/restarted-for': '1' },
  ): Promise<ApiAnswer> {
    const { template = {}, ...more } = spec as { readonly template?: object };
    const patch = { spec: { ...more, template: { metadata: { annotations }, ...template } } };
    return await this.agent('PATCH', `${DEPLOYMENTS}/${name}?dryRun=All`, patch, MERGE_PATCH);
  }

  /** The grants are these while `act` runs; `null` takes a list away. */
  async withGrants<Result>(
    data: Readonly<Record<string, string | null>>,
    holds: () => Promise<boolean>,
    act: () => Promise<Result>,
  ): Promise<Result> {
    const before = Object(field(succeeded(await this.admin('GET', GRANTS)), 'data'));
    succeeded(await this.admin('PATCH', GRANTS, { data }, MERGE_PATCH));
    try {
      await eventually(holds);
      return await act();
    } finally {
      const back = Object.fromEntries(Object.keys(data).map((key) => [key, before[key] ?? null]));
      succeeded(await this.admin('PATCH', GRANTS, { data: back }, MERGE_PATCH));
      await eventually(async () => !(await holds()));
    }
  }

  /** What `hikyaku validate` says is missing for this config, by code. */
  async missingFor(config: string): Promise<readonly string[]> {
    const path = join(this.folder, 'asked.yaml');
    await writeFile(path, config);
    const finished = await hikyaku(['validate', '--json', '--no-plugins', '--config', path], { cwd: this.folder });
    expectExit(finished, 0);
    const missing = field(JSON.parse(finished.stdout), 'grants', 'missing');
    return Array.isArray(missing) ? missing.map((one) => String(field(one, 'code'))) : [];
  }

  async ownerRole(name: string, right: string): Promise<void> {
    const finished = await hikyaku(['rights', 'role', `web/${name}`, `--${right}`]);
    expectExit(finished, 0);
    await applyYaml(this.admin, finished.stdout);
  }

  async makeWorkload(name: string): Promise<void> {
    const labels = { app: name };
    const spec = { containers: [{ name: 'app', image: 'example.com/app:1' }] };
    const deployment = {
      metadata: { name },
      spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
    };
    succeeded(await this.admin('POST', DEPLOYMENTS, deployment));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}
