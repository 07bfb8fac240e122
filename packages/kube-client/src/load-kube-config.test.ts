import { mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { connectKube } from './connect-kube.ts';
import { KubeConfigError } from './kube-config-error.ts';
import { loadKubeConfig } from './load-kube-config.ts';
import type { LoadKubeConfigOptions } from './load-kube-config.ts';
import { answer, rejection, startServer, temporaryFolder } from './local-api-server.test.kit.ts';

const { signal } = new AbortController();

interface Parts {
  readonly cluster?: object;
  readonly user?: object;
  readonly context?: object;
  readonly current?: string | null;
}

function file(name: string, parts: Parts = {}): object {
  const current = parts.current === undefined ? name : parts.current;
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: `${name}-cluster`, cluster: { server: `https://${name}.test:6443`, ...parts.cluster } }],
    users: [{ name: `${name}-user`, user: parts.user ?? { token: `${name}-token` } }],
    contexts: [{ name, context: { cluster: `${name}-cluster`, user: `${name}-user`, ...parts.context } }],
    ...(current === null ? {} : { 'current-context': current }),
  };
}

function problem(options: Omit<LoadKubeConfigOptions, 'env'> & Partial<LoadKubeConfigOptions>): string {
  try {
    loadKubeConfig({ env: {}, ...options });
  } catch (error) {
    if (error instanceof KubeConfigError) return error.message;
    throw error;
  }
  throw new Error('it loaded');
}

/** The options of a TLS connection and the headers that the loaded kubeconfig leads to. */
async function applied(options: LoadKubeConfigOptions): Promise<Record<string, unknown>> {
  const connection: Record<string, unknown> = {};
  await loadKubeConfig(options).kubeConfig.applyToHTTPSOptions(connection);
  return connection;
}

describe('where it comes from', () => {
  test('a file that is named', () => {
    using folder = temporaryFolder();
    const kubeconfig = folder.write('config', file('home', { context: { namespace: 'web' } }));
    expect(loadKubeConfig({ kubeconfig, env: { KUBECONFIG: '/nowhere' } })).toMatchObject({
      server: 'https://home.test:6443',
      context: 'home',
      namespace: 'web',
      inCluster: false,
    });
  });

  test('~/.kube/config', () => {
    using folder = temporaryFolder();
    mkdirSync(join(folder.path, '.kube'));
    folder.write('.kube/config', file('home'));
    expect(loadKubeConfig({ env: { HOME: folder.path } })).toMatchObject({ context: 'home', namespace: 'default' });
    expect(problem({ env: { HOME: '/nowhere' } })).toContain('there is no kubeconfig /nowhere/.kube/config');
    expect(problem({})).toContain('set KUBECONFIG');
  });

  test('the files of KUBECONFIG together, of which the first to name a thing wins', async () => {
    using folder = temporaryFolder();
    const one = folder.write('one', file('one', { current: null }));
    const two = folder.write('two', {
      ...file('two'),
      users: [
        { name: 'two-user', user: { token: 'two-token' } },
        { name: 'one-user', user: { token: 'of-the-second-file' } },
      ],
    });
    const env = { KUBECONFIG: [one, '/nowhere/three', two, ''].join(delimiter) };
    expect(loadKubeConfig({ env }).context).toBe('two');
    expect(loadKubeConfig({ env, context: 'one' }).server).toBe('https://one.test:6443');
    expect(await applied({ env, context: 'one' })).toMatchObject({ headers: { Authorization: 'Bearer one-token' } });
    expect(problem({ env: { KUBECONFIG: '/nowhere/three' } })).toContain('/nowhere/three');
    expect(problem({ env, context: 'three' })).toBe(
      `there is no context "three" in ${one}, ${two}; there are: one, two`,
    );
  });

  test("the pod's ServiceAccount, unless something else is named", async () => {
    using folder = temporaryFolder();
    folder.write('token', 'pod-token\n');
    folder.write('ca.crt', 'the authority');
    folder.write('namespace', 'hikyaku\n');
    const kubeconfig = folder.write('config', file('home'));
    const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };
    const options = { env, serviceAccountDirectory: folder.path };
    expect(loadKubeConfig(options)).toMatchObject({
      server: 'https://[fd00::1]:443',
      context: 'in-cluster',
      namespace: 'hikyaku',
      inCluster: true,
    });
    expect(String((await applied(options))['ca'])).toBe('the authority');
    expect(loadKubeConfig({ ...options, kubeconfig }).inCluster).toBe(false);
    expect(loadKubeConfig({ ...options, env: { ...env, KUBECONFIG: kubeconfig } }).inCluster).toBe(false);
    expect(loadKubeConfig({ ...options, kubeconfig, inCluster: true }).inCluster).toBe(true);
    expect(problem({ ...options, inCluster: false })).toContain('there is no kubeconfig');
    expect(problem({ ...options, serviceAccountDirectory: '/nowhere' })).toContain('automountServiceAccountToken');
    expect(problem({ inCluster: true })).toContain('not in a pod');
  });
});

describe('what it says', () => {
  test('inline certificates, files beside it, and inline before files', async () => {
    using folder = temporaryFolder();
    folder.write('ca.pem', 'ca of a file');
    folder.write('client.pem', 'certificate of a file');
    const kubeconfig = folder.write(
      'config',
      file('home', {
        cluster: { 'certificate-authority': 'ca.pem', 'tls-server-name': 'kubernetes' },
        user: {
          'client-certificate': 'client.pem',
          'client-key-data': Buffer.from('inline key').toString('base64'),
          'client-key': 'missing.pem',
        },
      }),
    );
    const { ca, cert, key, servername } = await applied({ kubeconfig, env: {} });
    expect([ca, cert, key].map(String)).toEqual(['ca of a file', 'certificate of a file', 'inline key']);
    expect(servername).toBe('kubernetes');
  });

  test('a token file beside it, before a token', async () => {
    using folder = temporaryFolder();
    folder.write('token', 'token of a file');
    const kubeconfig = folder.write('config', file('home', { user: { tokenFile: 'token', token: 'inline' } }));
    expect(await applied({ kubeconfig, env: {} })).toMatchObject({
      headers: { Authorization: 'Bearer token of a file' },
    });
  });

  test('an exec plugin beside it, told what it expects', async () => {
    using folder = temporaryFolder();
    const plugin = folder.write(
      'plugin.mjs',
      `const { spec } = JSON.parse(process.env.KUBERNETES_EXEC_INFO);
      const token = [process.env.PROFILE, spec.interactive, spec.cluster.server].join(' ');
      console.log(JSON.stringify({ status: { token } }));`,
    );
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: process.execPath,
      args: [plugin],
      env: [{ name: 'PROFILE', value: 'test' }],
      provideClusterInfo: true,
    };
    const kubeconfig = folder.write('config', file('home', { user: { exec } }));
    expect(await applied({ kubeconfig, env: {} })).toMatchObject({
      headers: { Authorization: 'Bearer test false https://home.test:6443' },
    });
    const beside = folder.write('beside', file('home', { user: { exec: { ...exec, command: './plugin.mjs' } } }));
    expect(loadKubeConfig({ kubeconfig: beside, env: {} }).kubeConfig.getCurrentUser()?.exec.command).toBe(plugin);
  });

  test('nobody: the authority of the cluster still counts', async () => {
    using folder = temporaryFolder();
    const kubeconfig = folder.write('config', {
      ...file('home', { cluster: { 'certificate-authority-data': Buffer.from('ca').toString('base64') } }),
      users: null,
      contexts: [{ name: 'home', context: { cluster: 'home-cluster' } }],
    });
    const { ca, headers } = await applied({ kubeconfig, env: {} });
    expect(String(ca)).toBe('ca');
    expect(headers).toEqual({});
  });

  test('what is loaded can be connected to', async () => {
    using folder = temporaryFolder();
    await using server = await startServer((_, response) => answer(response, 403, { reason: 'Forbidden' }));
    const cluster = { server: `${server.url}/`, 'insecure-skip-tls-verify': true };
    const kubeconfig = folder.write('config', file('home', { cluster }));
    await using kube = connectKube(loadKubeConfig({ kubeconfig, env: {} }).kubeConfig);
    expect(kube.server).toBe(server.url);
    expect(await rejection(kube.namespaces.get('web', { signal }))).toMatchObject({ code: 'FORBIDDEN' });
    expect(server.received[0]?.headers.authorization).toBe('Bearer home-token');
  });
});

describe('what is wrong with it', () => {
  test('a missing file, context, cluster or user is named', () => {
    using folder = temporaryFolder();
    expect(problem({ kubeconfig: '/nowhere/config' })).toBe('there is no kubeconfig /nowhere/config');
    const none = folder.write('none', file('home', { current: null }));
    expect(problem({ kubeconfig: none })).toBe(`${none} has no current context; name one of: home`);
    const empty = folder.write('empty', '');
    expect(problem({ kubeconfig: empty })).toBe(`${empty} has no current context; name one of: none`);
    const cluster = folder.write('cluster', { ...file('home'), clusters: [{ name: 'broken' }] });
    expect(problem({ kubeconfig: cluster })).toContain('names cluster "home-cluster", which');
    const user = folder.write('user', { ...file('home'), users: [{ name: 'another', user: {} }] });
    expect(problem({ kubeconfig: user })).toContain('names user "home-user", which');
  });

  test('a file that is not YAML is not quoted', () => {
    using folder = temporaryFolder();
    const kubeconfig = folder.write('config', 'users:\n- user: {token: hunter2\n  x: [\n');
    expect(problem({ kubeconfig })).toMatch(/, line \d+ is not YAML$/);
    expect(problem({ kubeconfig })).not.toContain('hunter2');
    expect(problem({ kubeconfig: folder.path })).toContain('cannot be read (EISDIR)');
  });

  test.each([
    [{ 'auth-provider': { name: 'gcp' } }, 'kubectl dropped'],
    [{ as: 'someone', 'as-groups': ['admins'], token: 'x' }, 'as-groups'],
  ])('what we cannot do is said, but only for the user that is chosen: %j', (user, text) => {
    using folder = temporaryFolder();
    const kubeconfig = folder.write('config', file('home', { user }));
    expect(problem({ kubeconfig })).toContain(text);
    const other = folder.write('other', file('other'));
    expect(loadKubeConfig({ env: { KUBECONFIG: [other, kubeconfig].join(delimiter) } }).context).toBe('other');
  });
});
