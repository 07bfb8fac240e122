import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createSecret,
  deleteSecret,
  eventually,
  field,
  hikyaku,
  mintToken,
  patchSecret,
  resetInventory,
  succeeded,
} from '@hikyaku/testbed';
import { expect } from 'vitest';
import { readableByRole } from './may.ts';
import { giveRole, isRefusal, podToken, tokenRequest, tokensOf } from './may-not.ts';
import { CONFIG_MAPS, DEPLOYMENTS, GRANTS, ours, OWN_SECRETS, SECRETS, wordOf } from './scene.ts';
import type { Scene } from './scene.ts';

type Checks = Readonly<Record<string, (scene: Scene, entries: readonly string[]) => Promise<void>>>;

export const thief: Checks = {
  'thief-own': async (scene) => {
    const { admin, agent } = scene;
    succeeded(await agent('POST', SECRETS, ours('thief-own')));
    succeeded(await agent('PUT', `${SECRETS}/thief-own`, ours('thief-own', { data: {} })));
    await scene.withGrants(
      { types: null, names: '' },
      async () => (await scene.probe('thief-own')).status === 422,
      async () => succeeded(await agent('DELETE', `${SECRETS}/thief-own`)),
    );
    const labels = { 'hikyaku.dev/merge': 'hikyaku' };
    await createSecret(admin, 'web/thief-merge', { theirs: 'value' }, { labels });
    succeeded(await agent('PUT', `${SECRETS}/thief-merge`, ours('thief-merge', { metadata: { labels }, data: {} })));
  },
  'thief-create': async (scene) => {
    expect((await scene.probe('thief-create')).status).toBe(201);
    expect(wordOf(await scene.probe('not-named'))).toBe(scene.kind === 'own' ? '201' : 'policy own: name');
  },
  'thief-namespace': async ({ agent }) => {
    expect(field(succeeded(await agent('GET', `${OWN_SECRETS}/doppler`)), 'data', 'token')).toBeDefined();
  },
  'thief-roles': async (scene) => {
    expect(field(succeeded(await readableByRole(scene, 'thief-roles')), 'data', 'key')).toBeDefined();
  },
  'thief-exists': async ({ admin, agent }) => {
    const { uid } = await createSecret(admin, 'web/immutable', { key: 'value' }, { immutable: true });
    const put = (name: string, more: Parameters<typeof ours>[1]) =>
      agent('PUT', `${SECRETS}/${name}`, ours(name, more));
    expect((await put('absent', {})).status).toBe(404);
    const right = { immutable: true, data: { key: Buffer.from('value').toString('base64') } };
    expect(wordOf(await put('immutable', right))).toBe('policy own-label: not ours');
    expect(wordOf(await put('immutable', { ...right, data: {} }))).toBe('422');
    expect((await put('immutable', { ...right, type: 'example.com/x' })).text).toContain('immutable');
    const other = await put('immutable', { ...right, metadata: { uid: '00000000-0000-4000-8000-000000000000' } });
    expect(other.text).toContain(uid);
  },
  'thief-memory': async ({ admin, agent }) => {
    for (const name of ['hikyaku-inventory', 'hikyaku-status', 'hikyaku-identity'])
      succeeded(await agent('PUT', `${CONFIG_MAPS}/${name}`, { metadata: { name }, data: { thief: 'was here' } }));
    for (const name of ['hikyaku-snapshot-0', 'hikyaku-snapshot-7'])
      succeeded(await agent('POST', OWN_SECRETS, ours(name)));
    // After a theft.
    await resetInventory(admin);
    for (const name of ['hikyaku-snapshot-0', 'hikyaku-snapshot-7']) await deleteSecret(admin, `hikyaku/${name}`);
  },
  'thief-token': async (scene) => {
    const stolen = scene.cluster.api(await podToken(scene, 'thief-token'));
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: 'thief-token' };
    const answer = succeeded(await stolen('POST', tokensOf('hikyaku'), tokenRequest({ boundObjectRef })));
    const renewed = scene.cluster.api(String(field(answer, 'status', 'token')));
    expect((await renewed('GET', '/api/v1/namespaces')).status).toBe(200);
    succeeded(await scene.admin('DELETE', '/api/v1/namespaces/hikyaku/pods/thief-token?gracePeriodSeconds=0'));
    for (const api of [stolen, renewed])
      await eventually(async () => (await api('GET', '/api/v1/namespaces')).status === 401);
  },
  'thief-restarts': async (scene) => {
    expect(field(succeeded(await scene.agent('GET', '/apis/apps/v1/deployments')), 'items')).toHaveLength(2);
    for (const time of ['1', '2']) succeeded(await scene.restart('app', {}, { 'hikyaku.dev/restarted-for': time }));
  },
};

export const widen: Checks = {
  'widen-grants': async (scene) => {
    const write = () =>
      scene.agent('POST', `${SECRETS}?dryRun=All`, ours('widen-grants', { type: 'example.com/more' }));
    expect(wordOf(await write())).toBe('policy own: type');
    const answer = await scene.withGrants(
      { types: 'example.com/more' },
      async () => (await write()).status === 201,
      write,
    );
    expect(answer.status).toBe(201);
    expect((await scene.agent('PUT', GRANTS, { metadata: { name: 'hikyaku-grants' } })).status).toBe(403);
  },
  'widen-owner': async (scene) => {
    const { admin, agent } = scene;
    await createSecret(admin, 'web/widen-owner', { key: 'value' });
    const put = () => agent('PUT', `${SECRETS}/widen-owner`, ours('widen-owner'));
    expect(wordOf(await put())).toBe('policy own-label: not ours');
    await patchSecret(admin, 'web/widen-owner', { metadata: { labels: { 'hikyaku.dev/agent': 'hikyaku' } } });
    expect((await put()).status).toBe(200);
    await readableByRole(scene, 'widen-role');
  },
  'widen-admin': async (scene) => {
    const list = async () => (await scene.agent('GET', SECRETS)).status;
    expect(await list()).toBe(403);
    await giveRole(scene, 'widen-admin', [{ apiGroups: [''], resources: ['secrets'], verbs: ['list'] }]);
    await eventually(async () => (await list()) === 200);
    const path = '/apis/rbac.authorization.k8s.io/v1/namespaces/web/rolebindings/widen-admin';
    succeeded(await scene.admin('DELETE', path));
    await eventually(async () => (await list()) === 403);
  },
  'widen-namespace': async (scene) => {
    const { admin, cluster } = scene;
    for (const token of [await podToken(scene, 'widen-namespace'), await mintToken(admin, 'hikyaku', 'hikyaku')])
      expect((await cluster.api(token)('POST', `${SECRETS}?dryRun=All`, ours('widen-namespace'))).status).toBe(201);
  },
  'widen-config': async ({ cluster, folder }) => {
    const config = join(folder, 'config.yaml');
    await writeFile(join(folder, 'secrets/key'), 'value');
    await writeFile(
      config,
      'providers: { app: { type: file, path: secrets } }\nsecrets: [{ name: more, namespace: kube-system, from: app }]\n',
    );
    const env = { KUBECONFIG: await cluster.agentKubeconfig() };
    const { exitCode, stdout, stderr } = await hikyaku(['sync', '--config', config], { env });
    await rm(config);
    expect(exitCode).toBe(1);
    expect(stdout + stderr).toContain('refused');
  },
};

export const granted: Checks = {
  'grant-types': async ({ agent }, entries) => {
    for (const type of entries) {
      const data = Object.fromEntries(
        Object.entries(DATA[type] ?? {}).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
      );
      expect({
        type,
        status: (await agent('POST', `${SECRETS}?dryRun=All`, ours('create-own-2', { type, data }))).status,
      }).toEqual({ type, status: 201 });
    }
    expect(wordOf(await agent('POST', SECRETS, ours('create-own-2', { type: 'example.com/other' })))).toBe(
      'policy own: type',
    );
  },
  'grant-namespaces': async (scene, entries) => {
    for (const namespace of entries) {
      const answer = await scene.agent(
        'POST',
        `/api/v1/namespaces/${namespace}/secrets?dryRun=All`,
        ours('create-own-2'),
      );
      expect({ namespace, word: wordOf(answer) }).toEqual({ namespace, word: 'policy own: namespace' });
    }
    expect((await scene.probe('create-own-2')).status).toBe(201);
  },
  'grant-metadata': async ({ agent }, entries) => {
    const write = (key: string) => {
      const labels = { 'hikyaku.dev/agent': 'hikyaku', [key.endsWith('/') ? `${key}x` : key]: 'x' };
      return agent('POST', `${SECRETS}?dryRun=All`, ours('create-own-2', { metadata: { labels } }));
    };
    for (const key of entries) expect({ key, status: (await write(key)).status }).toEqual({ key, status: 201 });
    expect(wordOf(await write('example.com/'))).toBe('policy own: labels');
  },
  'grant-names': async (scene, entries) => {
    for (const id of entries.filter((name) => name.endsWith('-2')))
      expect((await scene.probe(id.replace('web/', ''))).status).toBe(201);
    expect(wordOf(await scene.probe('not-named'))).toBe(entries.length === 0 ? '201' : 'policy own: name');
  },
  'grant-restarts': async (scene, entries) => {
    const { status } = await scene.restart('app', {});
    expect(status).toBe(entries.includes('web/Deployment/app') ? 200 : 403);
    expect(
      isRefusal(
        await scene.agent('PATCH', `${DEPLOYMENTS}/other`, {}, { 'content-type': 'application/merge-patch+json' }),
      ),
    ).toBe(true);
  },
  'grant-origins': async (scene, entries) => {
    const ask = (url: string) =>
      scene.missingFor(`providers: { nas: { type: webhook, protocol: hikyaku, url: "${url}" } }\n${secretFrom('nas')}`);
    for (const origin of entries) expect(await ask(origin)).toEqual([]);
    expect(await ask('https://evil.example')).toEqual(entries.length > 0 ? ['ORIGIN_NOT_GRANTED'] : []);
    expect(await ask('https://127.0.0.1')).toEqual(['ORIGIN_NOT_GRANTED']);
  },
  'grant-pushes': async (scene, entries) => {
    const ask = (secret: string) =>
      scene.missingFor(
        `providers: { homelab: { type: doppler, project: homelab, config: prd } }\n${secretFrom('homelab')}pushes: [{ from: { namespace: web, secret: ${secret} }, to: homelab }]\n`,
      );
    expect(await ask('app-env')).toEqual(entries.includes('web/app-env to homelab') ? [] : ['PUSH_NOT_GRANTED']);
    expect(await ask('another')).toEqual(['PUSH_NOT_GRANTED']);
  },
  'grant-plugins': async (scene, entries) => {
    const ask = (path: string) => scene.missingFor(`providers: { vault: { type: ${path} } }\n${secretFrom('vault')}`);
    expect(await ask('./vault.ts')).toEqual(entries.includes('./vault.ts') ? [] : ['PLUGIN_NOT_GRANTED']);
    await writeFile(join(scene.folder, 'other.ts'), 'export default {};\n');
    expect(await ask('./other.ts')).toEqual(['PLUGIN_NOT_GRANTED']);
  },
  'grant-files': async (scene, entries) => {
    const ask = (path: string) =>
      scene.missingFor(`providers: { app: { type: file, path: ${path} } }\n${secretFrom('app')}`);
    expect(await ask('secrets')).toEqual([]);
    expect(await ask('/run/hikyaku/app')).toEqual(entries.includes('/run/hikyaku') ? [] : ['FILE_NOT_GRANTED']);
    expect(await ask('/etc/hikyaku')).toEqual(['FILE_NOT_GRANTED']);
  },
};

/** A Secret that every kind of grants lets pass. */
function secretFrom(source: string): string {
  return `secrets: [{ name: create-own, namespace: web, from: ${source} }]\n`;
}

const DATA: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Opaque: { key: 'value' },
  'kubernetes.io/tls': { 'tls.crt': '', 'tls.key': '' },
  'kubernetes.io/dockerconfigjson': { '.dockerconfigjson': '{"auths":{}}' },
  'kubernetes.io/dockercfg': { '.dockercfg': '{}' },
  'kubernetes.io/basic-auth': { username: 'x', password: 'x' },
  'kubernetes.io/ssh-auth': { 'ssh-privatekey': 'x' },
};
