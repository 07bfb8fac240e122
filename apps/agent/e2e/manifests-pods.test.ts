import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { field, startCluster, succeeded } from '@hikyaku/testbed';
import type { Api, ApiAnswer, Cluster, Manifest } from '@hikyaku/testbed';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { applyObjects, manifests, objectOf } from './manifests.test.kit.ts';

// The API server itself judges the Pods: the namespace that the manifests make enforces the profile «restricted».

let cluster: Cluster;
let admin: Api;
let folder: string;
let config: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hikyaku-pods-'));
  config = join(folder, 'hikyaku.yaml');
  await writeFile(
    config,
    `providers: { app: { type: doppler, project: app, config: prd, token: { env: DOPPLER_TOKEN } } }
secrets: [{ name: app-env, namespace: web, from: app, restart: true }]
`,
  );
  cluster = await startCluster();
  admin = cluster.admin;
});
afterAll(async () => {
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** As a dry run, of the Pod that a Deployment or a DaemonSet makes. */
async function makePod(template: unknown): Promise<ApiAnswer> {
  const labels = field(template, 'metadata', 'labels');
  const pod = { metadata: { generateName: 'hikyaku-', labels }, spec: field(template, 'spec') };
  return await admin('POST', '/api/v1/namespaces/hikyaku/pods?dryRun=All&fieldValidation=Strict', pod);
}

function templateOf(objects: readonly Manifest[], kind: string): unknown {
  return field(objectOf(objects, kind, 'hikyaku'), 'spec', 'template');
}

const EVERYTHING = ['--network-policy', '--receiver', '8082', '--page', '8083'];

test.each<[string, readonly string[]]>([
  ['Deployment', []],
  ['Deployment', ['--replicas', '2', ...EVERYTHING]],
  ['DaemonSet', ['--daemonset', ...EVERYTHING]],
])('the API server takes every object, and the Pod of the %s %j passes «restricted»', async (kind, flags) => {
  const objects = await manifests(config, flags);
  await applyObjects(cluster, objects);
  const namespace = succeeded(await admin('GET', '/api/v1/namespaces/hikyaku'));
  expect(field(namespace, 'metadata', 'labels')).toMatchObject({ 'pod-security.kubernetes.io/enforce': 'restricted' });
  const pod = succeeded(await makePod(templateOf(objects, kind)));
  // What the API server adds by itself is what we say.
  expect(field(pod, 'spec')).toMatchObject({ enableServiceLinks: false, serviceAccountName: 'hikyaku' });
  expect(JSON.stringify(field(pod, 'spec', 'volumes'))).toContain('serviceAccountToken');
});

describe('a Pod that is any worse is refused', () => {
  test.each<[string, (pod: Record<string, unknown>, container: Record<string, unknown>) => void]>([
    ['root', (pod) => Object.assign(pod, { securityContext: { seccompProfile: { type: 'RuntimeDefault' } } })],
    ['no seccomp profile', (pod) => Object.assign(pod, { securityContext: { runAsNonRoot: true } })],
    ['privileges that grow', (_, container) => without(container, 'allowPrivilegeEscalation')],
    ['capabilities', (_, container) => without(container, 'capabilities')],
    ['a folder of the node', (pod) => Object.assign(pod, { volumes: [{ name: 'config', hostPath: { path: '/' } }] })],
  ])('%s', async (_, worsen) => {
    const template = structuredClone(templateOf(await manifests(config), 'Deployment'));
    worsen(Object(field(template, 'spec')), Object(field(template, 'spec', 'containers', 0)));
    const { status, text } = await makePod(template);
    expect([status, text]).toEqual([403, expect.stringContaining('violates PodSecurity')]);
  });
});

test('no other Pod of the namespace is given the token by chance', async () => {
  const template = structuredClone(templateOf(await manifests(config), 'Deployment'));
  without(Object(field(template, 'spec')), 'automountServiceAccountToken');
  const pod = succeeded(await makePod(template));
  expect(JSON.stringify(field(pod, 'spec', 'volumes'))).not.toContain('serviceAccountToken');
});

function without(object: Record<string, unknown>, key: string): void {
  const target = key in object ? object : Object(object['securityContext']);
  delete target[key];
}
