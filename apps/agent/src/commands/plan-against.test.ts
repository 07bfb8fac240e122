import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { SecretValue } from '@hikyaku/core';
import { generateIdentity, seal } from '@hikyaku/sealing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { planAgainst } from './plan-against.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hikyaku-against-'));
  git('init', '--quiet');
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

function git(...args: readonly string[]): void {
  const person = ['-c', 'user.name=Ann', '-c', 'user.email=ann@example.com', '-c', 'commit.gpgSign=false'];
  execFileSync('git', ['-C', folder, ...person, ...args], { stdio: 'pipe' });
}

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, 'home', name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
}

async function commit(files: Readonly<Record<string, string>>): Promise<void> {
  await write(files);
  git('add', '--all');
  git('commit', '--quiet', '--message', 'x');
}

async function against(revision: string, { json = true, config = 'home/hikyaku.yaml', exitCode = false } = {}) {
  const stdout = new PassThrough();
  const edge = {
    env: {},
    stdin: new PassThrough(),
    stdout,
    stderr: new PassThrough(),
    signal: new AbortController().signal,
  };
  const code = await planAgainst({ against: revision, config: join(folder, config), json, exitCode }, edge);
  const text = String(stdout.read());
  return { code, text };
}

/** Each `kind what`. */
async function told(revision: string, config?: string) {
  const { text } = await against(revision, config === undefined ? {} : { config });
  const document: Readonly<
    Record<'possible' | 'granted', readonly { readonly kind: string; readonly what: string }[]>
  > = JSON.parse(text);
  const lines = (word: 'possible' | 'granted') => document[word].map(({ kind, what }) => `${kind} ${what}`);
  return { possible: lines('possible'), granted: lines('granted') };
}

const doppler = 'providers: { homelab: { type: doppler, project: a, config: b } }';
const before = `${doppler}\nsecrets:\n  - { name: a, namespace: web, from: homelab }\n`;
const NOTHING = { possible: [], granted: [] };

describe('plan --against', () => {
  test('tells nothing where nothing changed, or where less is possible', async () => {
    await commit({
      'hikyaku.yaml': `${before}  - { name: b, namespace: web, from: homelab }\n`,
      'grants.yaml': 'version: 1',
    });
    expect(await told('HEAD')).toEqual(NOTHING);
    await write({
      'hikyaku.yaml': before,
      'grants.yaml': 'names: [web/a]\norigins: ["https://api.doppler.com"]\ntypes: [Opaque]',
    });
    expect(await told('HEAD')).toEqual(NOTHING);
    const { code, text } = await against('HEAD', { json: false, exitCode: true });
    expect({ code, text }).toEqual({ code: 0, text: '✓ nothing is possible that was not at HEAD\n' });
  });

  test('tells each kind of thing that a config asks for anew', async () => {
    await commit({ 'hikyaku.yaml': before, 'x.mjs': 'process.exit(77);' });
    await write({
      'hikyaku.yaml': `
providers:
  homelab: { type: doppler, project: a, config: b, url: "https://doppler.example" }
  plugin: { type: ./x.mjs, to: somewhere }
  files: { type: file, path: ../secrets.env }
  nas:
    type: webhook
    url: https://nas.lan
    read: { url: "/\${name}", result: $.value }
    write: { url: "/\${name}", body: { value: "\${value}" } }
secrets:
  - { name: a, namespace: web, from: homelab }
  - name: tls
    namespace: argocd
    from: homelab
    type: kubernetes.io/tls
    labels: { team: web }
pushes:
  - { from: { namespace: web, secret: theirs }, to: nas }
`,
    });
    const { possible, granted } = await told('HEAD');
    expect(granted).toEqual([]);
    expect(possible).toEqual([
      'origin https://doppler.example',
      'origin https://nas.lan',
      expect.stringMatching(/^plug-in \.\/x\.mjs \(sha256-.{44}\)$/),
      'plug-in source plugin: with these settings',
      `file ${join(folder, 'secrets.env')}`,
      'push web/theirs to nas',
      'credential token of homelab: the environment variable DOPPLER_TOKEN, to https://doppler.example',
      'Secret argocd/tls',
      'namespace argocd',
      'type kubernetes.io/tls',
      'label or annotation team',
    ]);
    expect((await against('HEAD', { exitCode: true })).code).toBe(3);
    expect((await against('HEAD')).code).toBe(0);
  });

  test('a push that keeps its name and goes elsewhere is another one', async () => {
    const push = 'secrets: []\npushes: [{ from: { namespace: web, secret: a }, to: homelab }]\n';
    await commit({ 'hikyaku.yaml': `${doppler}\n${push}` });
    expect(await told('HEAD')).toEqual(NOTHING);
    await write({ 'hikyaku.yaml': `${doppler.replace('project: a', 'project: elsewhere')}\n${push}` });
    expect((await told('HEAD')).possible).toEqual(['push web/a to homelab']);
  });

  test('tells which Secrets of the cluster are read anew, as sources and as credentials', async () => {
    const token = 'token: { secretRef: { name: t, key: k, namespace: web } }';
    await commit({ 'hikyaku.yaml': before });
    await write({
      'hikyaku.yaml': `
providers:
  homelab: { type: doppler, project: a, config: b, ${token} }
  web: { type: kubernetes, namespace: web }
  hub: { type: kubernetes, namespace: hub, server: "https://api.doppler.com", kubeconfig: { secretRef: { name: h, key: k } } }
secrets: [{ name: a, namespace: web, from: homelab }]
`,
    });
    expect((await told('HEAD')).possible).toEqual([
      'read k of Secret web/t, as token of homelab',
      'read Secrets of namespace web, as web',
      'read k of Secret h, as kubeconfig of hub',
      'credential token of homelab: k of Secret web/t, to https://api.doppler.com',
      'credential kubeconfig of hub: k of Secret h, to https://api.doppler.com',
    ]);
  });

  test('tells of new recipients, of another credential, and of one that is sent elsewhere', async () => {
    const [home, cabin] = [await generateIdentity(), await generateIdentity()];
    const binding = { use: 'doppler/token', to: ['https://api.doppler.com'] };
    const recipients = new Map([['home', [home.recipient]]]);
    const sealedConfig = async (list: object, words: object = {}): Promise<string> => {
      const sealed = await seal(SecretValue.of('x'), { recipients, binding, now: 0 });
      const source = { type: 'doppler', project: 'a', config: 'b', token: { sealed }, ...words };
      return JSON.stringify({ recipients: list, providers: { homelab: source }, secrets: [] });
    };
    const first = await sealedConfig({ home: home.recipient });
    await commit({ 'hikyaku.yaml': first });
    expect(await told('HEAD')).toEqual(NOTHING);
    await write({ 'hikyaku.yaml': await sealedConfig({ home: home.recipient }) });
    expect((await told('HEAD')).possible).toEqual(['credential token of homelab: sealed, to https://api.doppler.com']);
    const list = { home: home.recipient, cabin: cabin.recipient };
    await write({ 'hikyaku.yaml': JSON.stringify({ ...JSON.parse(first), recipients: list }) });
    expect((await told('HEAD')).possible).toEqual([`recipient cabin: ${cabin.recipient}`]);
    await write({ 'hikyaku.yaml': first.replace('"project"', '"url":"https://doppler.example","project"') });
    expect((await told('HEAD')).possible).toEqual([
      'origin https://doppler.example',
      'credential token of homelab: sealed, to https://doppler.example',
    ]);
  });

  test('tells of another account that a service knows by itself, as there is no credential that would change', async () => {
    const config = (principal: string, identity: string): string =>
      JSON.stringify({
        providers: {
          cloud: { type: 'sakura', vault: '113600000000', servicePrincipal: { id: principal, kid: '9f' } },
          homelab: { type: 'doppler', project: 'a', config: 'b', oidc: { identity } },
        },
        secrets: [],
      });
    const [one, other] = ['3f0c3a1e-9f0e-4c6f-8a57-9d2f6f1b0a11', '3f0c3a1e-9f0e-4c6f-8a57-9d2f6f1b0a12'];
    await commit({ 'hikyaku.yaml': config('1128', one) });
    expect(await told('HEAD')).toEqual(NOTHING);
    await write({ 'hikyaku.yaml': config('1129', other) });
    expect((await told('HEAD')).possible).toEqual([
      'credential servicePrincipal of cloud: the service principal 1129, to https://secure.sakura.ad.jp',
      `credential oidc of homelab: the service account identity ${other}, to https://api.doppler.com`,
    ]);
  });

  test('what is asked for and not granted is not possible, until the grants say so', async () => {
    await commit({ 'hikyaku.yaml': before, 'grants.yaml': 'names: [web/a]' });
    const after = `${before}  - { name: b, namespace: web, from: homelab }\n`;
    await write({ 'hikyaku.yaml': after });
    expect(await told('HEAD')).toEqual(NOTHING);
    await write({ 'grants.yaml': 'names: [web/a, web/b, web/c]' });
    expect(await told('HEAD')).toEqual({ possible: ['Secret web/b'], granted: ['name web/b', 'name web/c'] });
  });

  test('tells what wider grants allow though no config asks for it', async () => {
    const small =
      'names: [web/a]\norigins: ["https://api.doppler.com"]\ntypes: [Opaque]\nmetadataPrefixes: []\nreservedNamespaces: [argocd]';
    await commit({ 'hikyaku.yaml': before, 'grants.yaml': small });
    const digest = `sha256-${'A'.repeat(43)}=`;
    await write({
      'grants.yaml': `types: [Opaque, a]\nmetadataPrefixes: [team]\nreservedNamespaces: []\nfiles: /srv\nplugins: { x: { path: x.mjs, digest: ${digest} } }\npushes: [{ from: web/a, to: homelab }]`,
    });
    expect(await told('HEAD')).toEqual({
      possible: [],
      granted: [
        'origin any that does not surround the agent',
        `plug-in x (${digest})`,
        'file below /srv',
        'push web/a to homelab',
        'type a',
        'label or annotation team',
        'name any',
        'namespace argocd',
      ],
    });
    await rm(join(folder, 'home/grants.yaml'));
    expect((await told('HEAD')).granted).toContain('name any');
  });

  test('a plug-in with other code or other settings is another one; its code is not run', async () => {
    const config = 'providers: { p: { type: ./x.mjs, url: "https://a" } }\nsecrets: []\n';
    await commit({ 'hikyaku.yaml': config, 'x.mjs': 'process.exit(77);' });
    expect(await told('HEAD')).toEqual(NOTHING);
    await write({ 'hikyaku.yaml': config.replace('https://a', 'https://b') });
    expect((await told('HEAD')).possible).toEqual(['plug-in source p: with these settings']);
    await write({ 'hikyaku.yaml': config, 'x.mjs': 'process.exit(78);' });
    expect((await told('HEAD')).possible).toEqual([expect.stringMatching(/^plug-in \.\/x\.mjs/)]);
  });

  test('reads a directory of files, and takes one that was not there for nothing', async () => {
    await commit({ 'a.yaml': doppler, 'b.yaml': 'secrets: []', 'grants.yaml': 'version: 1' });
    await write({ 'b.yaml': 'secrets: [{ name: a, namespace: web, from: homelab }]' });
    const asked = ['Secret web/a', 'namespace web', 'type Opaque'];
    expect(await told('HEAD', 'home')).toEqual({ possible: asked, granted: [] });
    await mkdir(join(folder, 'new'));
    await writeFile(join(folder, 'new/hikyaku.yaml'), before);
    expect((await told('HEAD', 'new/hikyaku.yaml')).possible).toEqual([
      'origin https://api.doppler.com',
      'credential token of homelab: the environment variable DOPPLER_TOKEN, to https://api.doppler.com',
      ...asked,
    ]);
  });

  test('files beside the config that look like a repository have no history to compare with', async () => {
    await commit({ 'hikyaku.yaml': before });
    git('branch', 'trunk');
    // As a pull request can bring them: HEAD, config, objects and refs, with a trunk that has the config of the pull request.
    const home = join(folder, 'home');
    await write({ 'hikyaku.yaml': `${before}  - { name: b, namespace: web, from: homelab }\n` });
    git('init', '--quiet', '--bare', home);
    git(`--git-dir=${home}`, `--work-tree=${home}`, 'add', 'hikyaku.yaml');
    git(`--git-dir=${home}`, `--work-tree=${home}`, 'commit', '--quiet', '--message', 'x');
    git(`--git-dir=${home}`, 'branch', '--force', 'trunk');
    await expect(against('trunk')).rejects.toThrow(/git knows no commit trunk in /);
    for (const name of ['HEAD', 'config', 'objects', 'refs']) await rm(join(home, name), { recursive: true });
    expect((await told('trunk')).possible).toEqual(['Secret web/b']);
  });

  test('says what is wrong: no such commit, no repository, a config that was not good', async () => {
    await commit({ 'hikyaku.yaml': 'secret: []' });
    await write({ 'hikyaku.yaml': before });
    await expect(against('no-such')).rejects.toThrow(/git knows no commit no-such in /);
    await expect(against('--help')).rejects.toThrow(/git knows no commit --help/);
    await expect(against('HEAD')).rejects.toMatchObject({
      exitCode: 2,
      problems: expect.arrayContaining([expect.objectContaining({ file: expect.stringMatching(/^HEAD:/) })]),
    });
  });
});
