import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { FakeDoppler } from '@hikyaku/provider-doppler/testing';
import {
  createNamespace,
  eventually,
  expectExit,
  field,
  hikyaku,
  installRights,
  readInstallFile,
  readSecret,
  startCluster,
  startHikyaku,
  succeeded,
} from '@hikyaku/testbed';
import type { Api, Cluster, Running } from '@hikyaku/testbed';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { allowedAsks, grantsOf, rolesIn, rulesWithout } from './audited.test.kit.ts';
import type { Ask, Grant, Role } from './audited.test.kit.ts';
import { applyObjects, manifests } from './manifests.test.kit.ts';

// Which rights the agent needs is what it was seen to do: an API server writes down each request of two replicas that do everything there is.

const USER = 'system:serviceaccount:hikyaku:hikyaku';
const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const GROUPS = ['system:serviceaccounts', 'system:serviceaccounts:hikyaku', 'system:authenticated'];
const MERGE_PATCH = { 'content-type': 'application/merge-patch+json' };
const KINDS = { Deployment: 'deployments', StatefulSet: 'statefulsets', DaemonSet: 'daemonsets' } as const;
const roles = [
  ...rolesIn(await readInstallFile('rights-own.yaml')),
  ...rolesIn(await readInstallFile('rights-restarts.yaml')),
];

let directory: string;
let cluster: Cluster;
let admin: Api;
let doppler: FakeDoppler;
let token: string;
let signed: Server;
let hookUrl: string;
let kubeconfig: string;
const running = new Set<Running>();
let asks: readonly Ask[];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hikyaku-rules-'));
  doppler = await startFakeDoppler({ limits: { secretReads: 1_000_000 } });
  doppler.addConfig('app', 'prd', { A: '1', B: '2', C: '3', D: '4' });
  token = doppler.serviceToken('app', 'prd');
  signed = createServer((_, response) => response.end('{"value":"it"}')).listen(0, '127.0.0.1');
  await once(signed, 'listening');
  const address = signed.address();
  hookUrl = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  cluster = await startCluster({ directory: join(directory, 'cluster'), audit: USER });
  admin = cluster.admin;
  await installRights(cluster);
  kubeconfig = await cluster.agentKubeconfig();
  await work();
  asks = await allowedAsks(join(directory, 'cluster'));
}, 240_000);
afterAll(async () => {
  await Promise.all([...running].map((agent) => agent.stop('SIGKILL')));
  await cluster?.stop();
  await doppler?.close();
  signed?.close();
  await rm(directory, { recursive: true, force: true });
});

function config(secrets: readonly object[]): string {
  const hook = {
    type: 'webhook',
    url: hookUrl,
    token: { serviceAccountToken: {} },
    read: { url: '/${name}', result: '$.value' },
  };
  const app = { type: 'doppler', url: doppler.url, project: 'app', config: 'prd', token: { env: 'DOPPLER_TOKEN' } };
  return JSON.stringify({ resync: '5s', providers: { app: { ...app, refresh: '1s' }, hook }, secrets });
}

async function install(secrets: readonly object[]): Promise<void> {
  const path = join(directory, 'hikyaku.yaml');
  await writeFile(path, config(secrets));
  await applyObjects(cluster, await manifests(path, ['--replicas', '2', '--rights', 'named']));
}

/** Everything that the agent does, so that each of its kinds of request is made. */
async function work(): Promise<void> {
  await createNamespace(admin, 'web');
  for (const [kind, resource] of Object.entries(KINDS)) {
    const labels = { app: 'web' };
    const spec = {
      ...(kind !== 'DaemonSet' && { replicas: 0 }),
      ...(kind === 'StatefulSet' && { serviceName: 'web' }),
    };
    const template = {
      metadata: { labels },
      spec: { containers: [{ name: 'web', image: 'none', envFrom: [{ secretRef: { name: 'all' } }] }] },
    };
    const path = `/apis/apps/v1/namespaces/web/${resource}`;
    const body = { metadata: { name: 'web' }, spec: { ...spec, selector: { matchLabels: labels }, template } };
    succeeded(await admin('POST', path, body));
  }
  const named = {
    name: 'named',
    namespace: 'web',
    from: 'app',
    restart: Object.keys(KINDS).map((kind) => `${kind}/web`),
  };
  const all = { name: 'all', namespace: 'web', from: 'app', restart: true };
  const later = { name: 'later', namespace: 'later', from: 'app' };
  const theirs = { name: 'theirs', namespace: 'absent', existing: 'merge', data: { A: { from: 'app', key: 'A' } } };
  const byToken = { name: 'signed', namespace: 'web', data: { key: { from: 'hook', key: 'key' } } };
  await install([named, all, later, theirs, byToken]);

  const flags = ['run', '--config-map', '--leader-election', '--health', '127.0.0.1:0'];
  const env = {
    KUBERNETES_SERVICE_HOST: '192.0.2.1',
    KUBERNETES_SERVICE_PORT: '443',
    KUBECONFIG: kubeconfig,
    DOPPLER_TOKEN: token,
  };
  const agents = [1, 2].map(() => startHikyaku(flags, { env }));
  for (const agent of agents) running.add(agent);
  await becomes('web/all', { A: '1', B: '2', C: '3', D: '4' });
  await becomes('web/signed', { key: 'it' });
  await eventually(async () => agents.some((agent) => agent.lastWord('later/later') !== undefined));
  await createNamespace(admin, 'later');
  await becomes('later/later', { A: '1', B: '2', C: '3', D: '4' });

  // Restarts, a hold that a person lets go, a refresh, an entry that leaves.
  doppler.set('app', 'prd', 'A', 'changed');
  await becomes('web/named', { A: 'changed', B: '2', C: '3', D: '4' });
  for (const resource of Object.values(KINDS))
    await eventually(async () => {
      const { text } = await admin('GET', `/apis/apps/v1/namespaces/web/${resource}/web`);
      return text.includes('hikyaku.dev/restarted-for');
    });
  for (const key of ['B', 'C', 'D']) doppler.remove('app', 'prd', key);
  const person = { KUBECONFIG: cluster.kubeconfig };
  await eventually(async () => (await hikyaku(['approve', 'app', '--yes'], { env: person })).exitCode === 0);
  await becomes('web/all', { A: 'changed' });
  expectExit(await hikyaku(['refresh', 'hook'], { env: person }), 0);
  await install([named, all, theirs, byToken]);
  await eventually(async () => (await readSecret(admin, 'later/later')) === undefined);
  // The other one takes over.
  await agents[0]?.stop();
  doppler.set('app', 'prd', 'A', 'again');
  await becomes('web/all', { A: 'again' });
  await agents[1]?.stop();
}

async function becomes(id: string, data: Readonly<Record<string, string>>): Promise<void> {
  await eventually(async () => {
    const secret = await readSecret(admin, id);
    return isDeepStrictEqual({ ...secret?.data }, data);
  });
}

test('each verb, resource and name of the rules is needed: without it the API server refuses something that the agent did', async () => {
  const kept: string[] = [];
  for (const role of roles) {
    const path = pathOf(role);
    for (const grant of grantsOf(role)) {
      const needing = asks.filter((ask) => covers(grant, ask));
      const rules = rulesWithout(role, grant);
      succeeded(await admin('PATCH', path, { rules }, MERGE_PATCH));
      const isRefused = async () => {
        for (const ask of needing) if (!(await isAllowed(ask))) return true;
        return false;
      };
      // Where nothing was asked there is nothing to wait for.
      if (needing.length === 0 || !(await within(isRefused))) kept.push(nameOf(grant));
    }
    succeeded(await admin('PATCH', path, { rules: role.rules }, MERGE_PATCH));
  }
  expect(kept).toEqual([]);
  // With all of them again, all of it is allowed: it was the one that was missing.
  for (const ask of asks.filter((one) => grants.some((grant) => covers(grant, one))))
    await eventually(async () => await isAllowed(ask));
});

test('a request that no rule is for is not allowed, so the check can fail', async () => {
  const [ask] = asks.filter(({ resource, verb }) => resource === 'secrets' && verb === 'create');
  expect(ask === undefined || (await isAllowed({ ...ask, verb: 'list', namespace: 'web' }))).toBe(false);
});

const grants = roles.flatMap(grantsOf);

function covers({ kind, verb, group, resource, name }: Grant, ask: Ask): boolean {
  const isThere = kind === 'ClusterRole' || ask.namespace === 'hikyaku';
  const isThis = ask.verb === verb && ask.group === group && ask.resource === resource;
  return isThere && isThis && (name === undefined || ask.name === name);
}

/** By the authorizer of the API server, as the rules are now. */
async function isAllowed({ verb, group, resource: whole, namespace, name }: Ask): Promise<boolean> {
  const [resource, subresource] = whole.split('/');
  const resourceAttributes = { verb, group, resource, ...(subresource && { subresource }), namespace, name };
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: { user: USER, groups: GROUPS, resourceAttributes },
  };
  const answer = await admin('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', body);
  return field(succeeded(answer), 'status', 'allowed') === true;
}

/** The authorizer hears of a change a little later. */
async function within(holds: () => Promise<boolean>): Promise<boolean> {
  return await eventually(holds).then(
    () => true,
    () => false,
  );
}

function pathOf({ kind, metadata: { name, namespace } }: Role): string {
  return kind === 'ClusterRole' ? `${RBAC}/clusterroles/${name}` : `${RBAC}/namespaces/${namespace}/roles/${name}`;
}

function nameOf({ role, kind, verb, group, resource, name }: Grant): string {
  return [kind, role, verb, group, resource, name].filter((part) => part !== undefined && part !== '').join(' ');
}
