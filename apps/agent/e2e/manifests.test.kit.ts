import { cp, mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { applyYaml, expectExit, field, hikyaku, parseManifests } from '@hikyaku/testbed';
import type { Cluster, Finished, Manifest } from '@hikyaku/testbed';

/** What `hikyaku manifests` prints. */
export async function manifests(config: string, flags: readonly string[] = []): Promise<readonly Manifest[]> {
  const finished = await hikyaku(['manifests', '--config', config, ...flags]);
  expectExit(finished, 0);
  return parseManifests(finished.stdout);
}

export function objectOf(objects: readonly Manifest[], kind: string, name: string): Manifest {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found;
}

export function textsIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

/** Like `kubectl apply -f -`. */
export async function applyObjects({ admin }: Cluster, objects: readonly Manifest[]): Promise<void> {
  await applyYaml(admin, objects.map((object) => `---\n${JSON.stringify(object)}\n`).join(''));
}

/** What the kubelet gives to a container: the mounted ConfigMap, and the variables that the Secret `hikyaku-env` would hold. */
export interface Mounted {
  readonly folder: string;
  readonly nodeFlags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** `--config`, and `--cluster` where it is named. */
  readonly args: readonly string[];
}

/** `others` are files that a person mounts by a patch of their own. */
export async function mountOf(
  objects: readonly Manifest[],
  variables: Readonly<Record<string, string>>,
  others: { readonly from: string; readonly names: readonly string[] },
): Promise<Mounted> {
  const folder = await mkdtemp(join(tmpdir(), 'hikyaku-mount-'));
  const there = new Set(await readdir(others.from));
  for (const name of others.names)
    if (there.has(name)) await cp(join(others.from, name), join(folder, name), { recursive: true });
  const pod = field(objectOf(objects, 'Deployment', 'hikyaku'), 'spec', 'template', 'spec');
  const container = field(pod, 'containers', 0);
  const data = Object.entries<unknown>(Object(field(objectOf(objects, 'ConfigMap', 'hikyaku-config'), 'data')));
  const items = field(pod, 'volumes', 0, 'configMap', 'items');
  for (const [key, text] of data) {
    const item = Array.isArray(items) ? items.find((one) => field(one, 'key') === key) : { path: key };
    const path = join(folder, String(field(item, 'path')));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, String(text));
  }
  const named = field(container, 'env');
  const env = Object.fromEntries(
    (Array.isArray(named) ? named : []).flatMap((variable): [string, string][] => {
      const name = String(field(variable, 'name'));
      const literal = field(variable, 'value');
      const value = typeof literal === 'string' ? literal : variables[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const command = textsIn(field(container, 'command'));
  const args = textsIn(field(container, 'args')).map((arg) => arg.replace(/^\/config(?=\/|$)/, folder));
  const kept = ['--config', '--cluster'].filter((flag) => args.includes(flag));
  return {
    folder,
    nodeFlags: command.slice(1, -1),
    env,
    args: kept.flatMap((flag) => [flag, args[args.indexOf(flag) + 1] ?? '']),
  };
}

/** One-shot, as the ServiceAccount, in what passes for a Pod. */
export async function syncIn({ args, env, nodeFlags }: Mounted, kubeconfig: string): Promise<Finished> {
  const pod = { KUBERNETES_SERVICE_HOST: '192.0.2.1', KUBERNETES_SERVICE_PORT: '443', KUBECONFIG: kubeconfig };
  return await hikyaku(['sync', '--json', ...args], { nodeFlags, env: { ...env, ...pod } });
}
