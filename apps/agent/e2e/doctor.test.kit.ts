import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import { listen } from '@hikyaku/provider-utils/testing';
import { applyYaml, hikyaku, startCluster, startHikyaku, succeeded } from '@hikyaku/testbed';
import type { Api, Cluster, Finished, Running } from '@hikyaku/testbed';
import { Agent, request } from 'undici';
import { expect, vi } from 'vitest';
import { parse, stringify } from 'yaml';

const root = new URL('../../../', import.meta.url).pathname;
const MERGE_PATCH = { 'content-type': 'application/merge-patch+json' };

export interface Found {
  readonly code: string;
  readonly severity: string;
  readonly thing: string;
  readonly message: string;
  readonly advice?: string;
  readonly command?: string;
}

/** How `doctor` is called. */
export interface Visit {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly kubeconfig?: string;
  readonly nodeFlags?: readonly string[];
}

/** A cluster, a service, a config and a person who follows advice to the letter. */
export class Clinic implements AsyncDisposable {
  readonly cluster: Cluster;
  readonly admin: Api;
  readonly doppler: FakeDoppler;
  readonly folder: string;
  readonly token: string;
  /** What the person types where a value is asked for. */
  typed = '';
  /** How the one agent is started where advice says so. */
  start: () => Promise<void> = () => Promise.resolve();
  agent: Running | undefined;

  private constructor(cluster: Cluster, doppler: FakeDoppler, folder: string) {
    this.cluster = cluster;
    this.admin = cluster.admin;
    this.doppler = doppler;
    this.folder = folder;
    this.token = doppler.serviceAccountToken();
  }

  static async open(): Promise<Clinic> {
    const cluster = await startCluster({ controllers: false });
    const doppler = await startFakeDoppler({ limits: { secretReads: 1_000_000, reads: 1_000_000, writes: 1_000_000 } });
    return new Clinic(cluster, doppler, await mkdtemp(join(tmpdir(), 'hikyaku-doctor-')));
  }

  get config(): string {
    return join(this.folder, 'hikyaku.yaml');
  }

  /** The environment of a person whose age key is in the folder. */
  get env(): Readonly<Record<string, string>> {
    return { HOME: this.folder, DOPPLER_TOKEN: this.token };
  }

  async write(config: object, path = this.config): Promise<void> {
    await writeFile(path, stringify(config));
  }

  async doctor({ args = [], env = {}, kubeconfig = this.cluster.kubeconfig, nodeFlags = [] }: Visit = {}): Promise<
    readonly Found[]
  > {
    const flags = ['--config', this.config, '--kubeconfig', kubeconfig, '--json'];
    // A slow machine is not what is looked for.
    const patient = args.includes('--timeout') ? [] : ['--timeout', '60s'];
    const done = await hikyaku(['doctor', ...flags, ...patient, ...args], { env: { ...this.env, ...env }, nodeFlags });
    return findingsOf(done, this.token);
  }

  /** Once all that this API server and the agent do a little later is done. */
  async until(visit: Visit, holds: (findings: readonly Found[]) => void): Promise<readonly Found[]> {
    return await vi.waitFor(
      async () => {
        const findings = await this.doctor(visit);
        holds(findings);
        return findings;
      },
      { timeout: 60_000, interval: 200 },
    );
  }

  async run(args: readonly string[] = ['--config', this.config], build?: string): Promise<void> {
    await this.stop();
    const flags = ['--kubeconfig', await this.cluster.agentKubeconfig()];
    const env = { DOPPLER_TOKEN: this.token };
    this.agent = startHikyaku(['run', ...args, ...flags], { env, ...(build !== undefined && { build }) });
    await this.agent.logged({ msg: 'started' });
  }

  async stop(): Promise<void> {
    await this.agent?.stop();
    this.agent = undefined;
  }

  /** As if none had ever been there, so that nobody waits for its answer. */
  async forget(): Promise<void> {
    await this.stop();
    const path = '/api/v1/namespaces/hikyaku/configmaps/hikyaku-status';
    succeeded(await this.admin('PATCH', path, { data: null }, MERGE_PATCH));
  }

  /** A kubeconfig with another cluster or user in it. */
  async kubeconfig(change: { readonly cluster?: object; readonly user?: object }): Promise<string> {
    const whole = parse(await readFile(this.cluster.kubeconfig, 'utf8')) as KubeconfigText;
    const [first] = whole.clusters;
    const [user] = whole.users;
    const path = join(await mkdtemp(join(this.folder, 'kubeconfig-')), 'config');
    const clusters = [{ ...first, ...(change.cluster && { cluster: change.cluster }) }];
    const users = [{ ...user, ...(change.user && { user: change.user }) }];
    await writeFile(path, stringify({ ...whole, clusters, users }), { mode: 0o600 });
    return path;
  }

  /** A command of the advice, as a shell runs it; kubectl is this class. */
  async follow(command: string): Promise<void> {
    for (const line of command.split(' && ')) {
      let input: string | undefined;
      for (const part of line.split(' | ')) input = await this.#one(words(part), input);
    }
  }

  async #one([program = '', ...args]: readonly string[], input: string | undefined): Promise<string> {
    if (program === 'chmod') {
      const [mode = '', path = ''] = args;
      await chmod(path, Number.parseInt(mode, 8));
      return '';
    }
    if (program === 'kubectl') return await this.#kubectl(withoutCluster(args), input);
    if (program !== 'hikyaku') throw new Error(`nobody knows how to run ${program}`);
    // The person says yes to what is asked.
    const asks = args[0] === 'recipients' ? 'recipients add' : args[0];
    const yes = ASKING.has(asks ?? '') ? ['--yes'] : [];
    const done = await hikyaku([...args, ...yes], { env: this.env, cwd: this.folder, input: input ?? this.typed });
    if (done.exitCode !== 0) throw new Error(`${args.join(' ')}: ${done.exitCode}\n${done.stdout}${done.stderr}`);
    return done.stdout;
  }

  async #kubectl(args: readonly string[], input: string | undefined): Promise<string> {
    const { flags, rest } = flagsOf(args);
    const [verb = '', kind = '', name = '', ...more] = rest;
    const namespace = flags.get('namespace')?.[0] ?? 'default';
    const api = `/api/v1/namespaces/${namespace}`;
    const rbac = '/apis/rbac.authorization.k8s.io/v1';
    switch (`${verb} ${kind}`.trim()) {
      case 'apply':
        if (flags.has('k')) return await this.start().then(() => '');
        await applyYaml(
          this.admin,
          input !== undefined && flags.get('f')?.[0] === '-' ? input : await this.#file(flags),
        );
        return '';
      case 'rollout restart':
        await this.start();
        return '';
      case 'label secret': {
        const labels = Object.fromEntries(more.map((pair) => pair.split('=')));
        succeeded(await this.admin('PATCH', `${api}/secrets/${name}`, { metadata: { labels } }, MERGE_PATCH));
        return '';
      }
      case 'patch validatingadmissionpolicybinding': {
        const path = `/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/${name}`;
        const type = { 'content-type': 'application/json-patch+json' };
        succeeded(await this.admin('PATCH', path, JSON.parse(flags.get('patch')?.[0] ?? ''), type));
        return '';
      }
      case 'delete clusterrolebinding/too-much':
        succeeded(await this.admin('DELETE', `${rbac}/clusterrolebindings/too-much`));
        return '';
      case 'patch clusterrolebinding/too-much': {
        const path = `${rbac}/clusterrolebindings/too-much`;
        const type = { 'content-type': 'application/json-patch+json' };
        succeeded(await this.admin('PATCH', path, JSON.parse(flags.get('patch')?.[0] ?? ''), type));
        return '';
      }
      case 'create namespace':
        succeeded(await this.admin('POST', '/api/v1/namespaces', { metadata: { name } }));
        return '';
      case 'create role': {
        const list = (flag: string) => flags.get(flag)?.flatMap((text) => text.split(',')) ?? [];
        const rule = {
          apiGroups: [''],
          resources: list('resource'),
          verbs: list('verb'),
          resourceNames: list('resource-name'),
        };
        succeeded(
          await this.admin('POST', `${rbac}/namespaces/${namespace}/roles`, { metadata: { name }, rules: [rule] }),
        );
        return '';
      }
      case 'create rolebinding': {
        const [of = '', account = ''] = flags.get('serviceaccount')?.[0]?.split(':') ?? [];
        const body = {
          metadata: { name },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: flags.get('role')?.[0] },
          subjects: [{ kind: 'ServiceAccount', name: account, namespace: of }],
        };
        succeeded(await this.admin('POST', `${rbac}/namespaces/${namespace}/rolebindings`, body));
        return '';
      }
      case 'create configmap':
        return stringify({
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name, namespace },
          data: await this.#fromFiles(flags),
        });
      case 'create secret': {
        const metadata = { name: more[0] ?? '', namespace };
        return stringify({
          apiVersion: 'v1',
          kind: 'Secret',
          metadata,
          type: 'Opaque',
          stringData: await this.#fromFiles(flags),
        });
      }
      default:
        throw new Error(`nobody knows how to do this: kubectl ${args.join(' ')}`);
    }
  }

  async #fromFiles(flags: ReadonlyMap<string, readonly string[]>): Promise<Readonly<Record<string, string>>> {
    const entries = (flags.get('from-file') ?? []).map(async (pair) => {
      const [key = '', path = ''] = pair.split('=');
      return [key, path === '/dev/stdin' ? this.typed : await readFile(path, 'utf8')] as const;
    });
    return Object.fromEntries(await Promise.all(entries));
  }

  async #file(flags: ReadonlyMap<string, readonly string[]>): Promise<string> {
    return await readFile(join(root, flags.get('f')?.[0] ?? ''), 'utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await Promise.all([this.cluster.stop(), this.doppler.close()]);
    await rm(this.folder, { recursive: true, force: true });
  }
}

const ASKING: ReadonlySet<string> = new Set(['approve', 'recipients add', 'rewrap', 'set']);

interface KubeconfigText {
  readonly clusters: readonly object[];
  readonly users: readonly object[];
}

function findingsOf({ stdout, stderr, exitCode }: Finished, token: string): readonly Found[] {
  expect(stdout + stderr).not.toContain(token);
  const { findings } = JSON.parse(stdout) as { readonly findings: readonly Found[] };
  expect(exitCode).toBe(findings.some(({ severity }) => severity === 'problem') ? 1 : 0);
  return findings;
}

/** Of a shell: single quotes keep what is in them. */
export function words(line: string): readonly string[] {
  return [...line.trim().matchAll(/(?:'[^']*'|[^\s'])+/g)].map(([word]) => word.replaceAll("'", ''));
}

function withoutCluster(args: readonly string[]): readonly string[] {
  return args.filter((arg, index) => arg !== '--kubeconfig' && args[index - 1] !== '--kubeconfig');
}

function flagsOf(args: readonly string[]): {
  readonly flags: ReadonlyMap<string, readonly string[]>;
  readonly rest: readonly string[];
} {
  const flags = new Map<string, string[]>();
  const rest: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const [, name, value] = /^--?([a-z-]+)(?:=(.*))?$/.exec(args[at] ?? '') ?? [];
    if (name === undefined) rest.push(args[at] ?? '');
    else if (value !== undefined || name === 'overwrite') flags.set(name, [...(flags.get(name) ?? []), value ?? '']);
    else flags.set(name, [...(flags.get(name) ?? []), args[++at] ?? '']);
  }
  return { flags, rest };
}

/** What a proxy changes of an API server's answers. */
export interface Changes {
  minor?: string;
  aheadMs?: number;
  /** Before requests for these paths are passed on. */
  delay?: { readonly path: string; readonly ms: number };
}

/** In front of an API server; plain http. */
export async function startProxy(
  cluster: Cluster,
  changes: Changes,
): Promise<AsyncDisposable & { readonly url: string }> {
  const dispatcher = new Agent({ connect: { ca: await readFile(cluster.caPath) } });
  const server = await listen(async (incoming, outgoing) => {
    const { method = 'GET', url: path = '/', headers } = incoming;
    const { delay, minor, aheadMs = 0 } = changes;
    if (delay !== undefined && path.endsWith(delay.path)) await sleep(delay.ms);
    const { connection: _, host: __, 'transfer-encoding': ___, ...passed } = headers;
    const answer = await request(cluster.url + path, {
      dispatcher,
      method: method as 'GET',
      headers: passed,
      body: method === 'GET' ? null : incoming,
    });
    const text = await answer.body.text();
    outgoing.writeHead(answer.statusCode, {
      'content-type': String(answer.headers['content-type'] ?? 'application/json'),
      date: new Date(Date.now() + aheadMs).toUTCString(),
    });
    outgoing.end(path === '/version' && minor !== undefined ? JSON.stringify({ ...JSON.parse(text), minor }) : text);
  });
  return {
    url: server.url,
    [Symbol.asyncDispose]: async () => {
      await server.close();
      await dispatcher.destroy();
    },
  };
}
