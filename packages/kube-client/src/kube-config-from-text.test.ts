import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { kubeConfigFromText } from './kube-config-from-text.ts';
import { KubeConfigError } from './kube-config-error.ts';
import { temporaryFolder } from './local-api-server.test.kit.ts';

const certificate = base64('-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n');
const privateKey = base64('-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----\n');
const secret = 'correct-horse-battery';

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

interface Parts {
  readonly cluster?: object;
  readonly user?: object;
  readonly rest?: object;
}

function kubeconfig({ cluster, user = { token: secret }, rest }: Parts = {}): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'hub', cluster: { server: 'https://hub.test:6443/', ...cluster } }],
    users: [{ name: 'reader', user }],
    contexts: [{ name: 'main', context: { cluster: 'hub', user: 'reader', namespace: 'web' } }],
    'current-context': 'main',
    ...rest,
  });
}

function problem(text: string, context?: string): string {
  try {
    kubeConfigFromText(text, { context });
  } catch (error) {
    if (error instanceof KubeConfigError) return error.message;
    throw error;
  }
  return 'it was taken';
}

async function applied(text: string, context?: string): Promise<Record<string, unknown>> {
  const options: Record<string, unknown> = {};
  const kubeConfig = kubeConfigFromText(text, { context });
  await kubeConfig.applyToHTTPSOptions(options);
  return { server: kubeConfig.getCurrentCluster()?.server, ...options };
}

describe('a kubeconfig as text', () => {
  test('gives the server, its authority and an inline token', async () => {
    const cluster = { 'certificate-authority-data': certificate, 'tls-server-name': 'kubernetes' };
    expect(await applied(kubeconfig({ cluster }))).toMatchObject({
      server: 'https://hub.test:6443',
      ca: Buffer.from(certificate, 'base64'),
      servername: 'kubernetes',
      headers: { Authorization: `Bearer ${secret}` },
    });
  });

  test('gives an inline client certificate', async () => {
    const user = { 'client-certificate-data': certificate, 'client-key-data': privateKey };
    expect(await applied(kubeconfig({ user }))).toMatchObject({
      cert: Buffer.from(certificate, 'base64'),
      key: Buffer.from(privateKey, 'base64'),
    });
  });

  test('as kubectl writes it, in YAML', async () => {
    const text = `apiVersion: v1
kind: Config
preferences: {}
clusters:
- name: hub
  cluster:
    server: https://hub.test
    insecure-skip-tls-verify: false
    extensions: [{ name: minikube, extension: {} }]
users:
- name: reader
  user:
    token: ${secret}
contexts:
- name: main
  context: { cluster: hub, user: reader }
current-context: main
`;
    expect(await applied(text)).toMatchObject({ server: 'https://hub.test' });
  });

  test('another context than the current one', async () => {
    const rest = {
      clusters: [
        { name: 'hub', cluster: { server: 'https://hub.test' } },
        { name: 'edge', cluster: { server: 'https://edge.test' } },
      ],
      contexts: [
        { name: 'main', context: { cluster: 'hub', user: 'reader' } },
        { name: 'edge', context: { cluster: 'edge', user: 'reader' } },
      ],
    };
    expect(await applied(kubeconfig({ rest }), 'edge')).toMatchObject({ server: 'https://edge.test' });
    expect(problem(kubeconfig({ rest }), 'cabin')).toBe(
      'the kubeconfig does not have the context cabin, or not its cluster or user',
    );
  });
});

describe('is refused', () => {
  test.each([
    ['exec', { exec: { command: 'sh', args: [secret] } }, 'runs a program'],
    ['auth-provider', { 'auth-provider': { name: 'oidc' } }, 'runs a plug-in'],
    ['tokenFile', { tokenFile: `/${secret}` }, 'names a file'],
    ['token-file', { 'token-file': `/${secret}` }, 'names a file'],
    ['client-certificate', { 'client-certificate': `/${secret}` }, 'names a file'],
    ['client-key', { 'client-key': `/${secret}` }, 'names a file'],
    ['username', { username: secret }, 'use a token'],
    ['password', { password: secret }, 'use a token'],
    ['as', { as: secret }, 'acts as somebody else'],
    ['as-uid', { 'as-uid': secret }, 'acts as somebody else'],
    ['as-groups', { 'as-groups': [secret] }, 'acts as somebody else'],
    ['as-user-extra', { 'as-user-extra': { a: [secret] } }, 'acts as somebody else'],
  ])('a user with %s, also beside a token', (field, user, why) => {
    const message = problem(kubeconfig({ user: { token: secret, ...user } }));
    expect(message).toContain(`users[0].user.${field} of the kubeconfig is refused: it`);
    expect(message).toContain(why);
    expect(message).not.toContain(secret);
  });

  test.each([
    ['certificate-authority', `/${secret}`, 'names a file'],
    ['proxy-url', `http://${secret}`, 'sends requests elsewhere'],
    ['insecure-skip-tls-verify', true, 'trusts any server'],
    ['insecure-skip-tls-verify', 'true', 'trusts any server'],
  ])('a cluster with %s: %s', (field, value, why) => {
    const message = problem(kubeconfig({ cluster: { [field]: value } }));
    expect(message).toContain(`clusters[0].cluster.${field} of the kubeconfig is refused: it ${why}`);
    expect(message).not.toContain(secret);
  });

  test('what only another context would use', () => {
    const users = [
      { name: 'reader', user: { token: secret } },
      { name: 'another', user: { exec: { command: 'sh' } } },
    ];
    expect(problem(kubeconfig({ rest: { users } }))).toContain('users[1].user.exec');
  });

  test('a field that nobody knows, without a word of it', () => {
    expect(problem(kubeconfig({ user: { token: secret, [secret]: 'x' } }))).toBe(
      'users[0].user of the kubeconfig has a field other than token, client-certificate-data, client-key-data, extensions',
    );
  });

  test('before anything runs', () => {
    using folder = temporaryFolder();
    const proof = join(folder.path, 'it-ran');
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'touch', args: [proof] };
    expect(problem(kubeconfig({ user: { exec } }))).toContain('runs a program');
    expect(existsSync(proof)).toBe(false);
  });

  test.each([
    ['plain http', 'http://hub.test'],
    ['a user in the address', `https://ann:${secret}@hub.test`],
    ['a query', `https://hub.test/?a=${secret}`],
    ['no address at all', secret],
    ['no text', 12],
  ])('a server with %s', (_, server) => {
    const message = problem(kubeconfig({ cluster: { server } }));
    expect(message).toMatch(/server of the kubeconfig is (?:not an https address|no text)/);
    expect(message).not.toContain(secret);
  });

  test.each([
    ['a CA that is the path of a file', { cluster: { 'certificate-authority-data': base64('/etc/hostname') } }],
    ['a certificate that is none', { user: { 'client-certificate-data': secret, 'client-key-data': privateKey } }],
    ['a key that is none', { user: { 'client-certificate-data': certificate, 'client-key-data': certificate } }],
  ])('%s', (_, parts) => {
    expect(problem(kubeconfig(parts))).toMatch(/-data of the kubeconfig is not PEM in base64$/);
  });

  test.each([
    ['half a client certificate', { user: { 'client-key-data': privateKey } }, 'needs both'],
    ['nobody', { user: {} }, 'neither a token nor a client certificate'],
    ['a token of several lines', { user: { token: 'a\nb' } }, 'characters that no token has'],
    ['a token that is a number', { user: { token: 12 } }, 'token of the kubeconfig is no text'],
    ['no current context', { rest: { 'current-context': '' } }, 'no current context'],
    ['a context without its user', { rest: { users: [] } }, 'does not have the current context'],
  ])('%s', (_, parts, message) => {
    expect(problem(kubeconfig(parts))).toContain(message);
  });

  test('what is not YAML, with the line and not a word of it', () => {
    const message = problem(`users:\n  - { ${secret}\nclusters: [}`);
    expect(message).toMatch(/^the kubeconfig, line \d+ is not YAML$/);
  });

  test('YAML aliases', () => {
    expect(problem('a: &a [x]\nb: [*a, *a]\n')).toMatch(/uses YAML aliases, which are refused$/);
  });

  test.each(['', secret, '[]', '{}'])('what is no kubeconfig: %j', (text) => {
    expect(problem(text)).toBe('the kubeconfig has no current context');
  });

  test('more than 256 KiB', () => {
    expect(problem(' '.repeat(256 * 1024 + 1))).toBe('the kubeconfig is larger than 256 KiB');
  });
});
