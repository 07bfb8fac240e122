import type { Cluster, KubeConfig, User } from '@kubernetes/client-node';
import { KubeConfig as KubeConfigClass } from '@kubernetes/client-node/dist/config.js';
import { KubeConfigError } from './kube-config-error.ts';
import { entriesOf, parseKubeConfig } from './parse-kube-config.ts';
import { asRecord } from './plain-text.ts';

export interface KubeConfigFromTextOptions {
  /** Default: the current context. */
  readonly context?: string | undefined;
}

type Raw = Readonly<Record<string, unknown>>;

const MAX_BYTES = 256 * 1024;

const FILE = 'names a file: `kubectl config view --raw --flatten --minify` writes its content in its place';
const SOMEBODY_ELSE = 'acts as somebody else: use a credential of the account itself';

/** What may stand there, and what everything else that kubectl knows would do. */
const CLUSTER: Rules = {
  allowed: new Set(['server', 'certificate-authority-data', 'tls-server-name', 'disable-compression', 'extensions']),
  refused: {
    'certificate-authority': FILE,
    'proxy-url': 'sends requests elsewhere',
    'insecure-skip-tls-verify': 'trusts any server: give certificate-authority-data',
  },
};
const USER: Rules = {
  allowed: new Set(['token', 'client-certificate-data', 'client-key-data', 'extensions']),
  refused: {
    exec: 'runs a program: use a token or a client certificate',
    'auth-provider': 'runs a plug-in: use a token or a client certificate',
    tokenFile: FILE,
    'token-file': FILE,
    'client-certificate': FILE,
    'client-key': FILE,
    username: 'is a login that Kubernetes has not known since 1.19: use a token',
    password: 'is a login that Kubernetes has not known since 1.19: use a token',
    as: SOMEBODY_ELSE,
    'as-uid': SOMEBODY_ELSE,
    'as-groups': SOMEBODY_ELSE,
    'as-user-extra': SOMEBODY_ELSE,
  },
};

interface Rules {
  readonly allowed: ReadonlySet<string>;
  readonly refused: Readonly<Record<string, string>>;
}

/**
 * A kubeconfig from somebody who is not trusted with this machine: it may hold servers, CA data and inline tokens or
 * certificates. Throws KubeConfigError for everything that would run a program, read a file, lead elsewhere or trust any
 * server, also in entries that the context does not use, and before anything is done with it. Messages never quote the text.
 */
export function kubeConfigFromText(text: string, { context: wanted }: KubeConfigFromTextOptions = {}): KubeConfig {
  if (Buffer.byteLength(text) > MAX_BYTES) throw new KubeConfigError('the kubeconfig is larger than 256 KiB');
  const contents = parseKubeConfig(text, 'the kubeconfig', { maxAliases: 0 });
  const clusters = check(contents, 'clusters', 'cluster', CLUSTER);
  const users = check(contents, 'users', 'user', USER);

  const name = wanted ?? contents['current-context'];
  if (typeof name !== 'string' || name === '') throw new KubeConfigError('the kubeconfig has no current context');
  const context = asRecord(entriesOf(contents['contexts']).find((entry) => entry['name'] === name)?.['context']);
  const cluster = clusters.find((entry) => entry['name'] === context['cluster']);
  const user = users.find((entry) => entry['name'] === context['user']);
  if (cluster === undefined || user === undefined) {
    const which = wanted === undefined ? 'the current context' : `the context ${wanted}`;
    throw new KubeConfigError(`the kubeconfig does not have ${which}, or not its cluster or user`);
  }
  const kubeConfig = new KubeConfigClass();
  kubeConfig.loadFromOptions({
    clusters: [clusterOf(asRecord(cluster['cluster']))],
    users: [userOf(asRecord(user['user']))],
    contexts: [{ name: 'context', cluster: 'cluster', user: 'user' }],
    currentContext: 'context',
  });
  return kubeConfig;
}

/** The entries of a list, each of whose fields is allowed. */
function check(contents: Raw, list: string, kind: string, { allowed, refused }: Rules): readonly Raw[] {
  const entries = entriesOf(contents[list]);
  for (const [index, entry] of entries.entries()) {
    const where = `${list}[${index}].${kind}`;
    for (const [field, value] of Object.entries(asRecord(entry[kind]))) {
      if (allowed.has(field) || value === undefined || value === null || value === '' || value === false) continue;
      const why = Object.hasOwn(refused, field) ? refused[field] : undefined;
      throw new KubeConfigError(
        why === undefined
          ? `${where} of the kubeconfig has a field other than ${[...allowed].join(', ')}`
          : `${where}.${field} of the kubeconfig is refused: it ${why}`,
      );
    }
  }
  return entries;
}

function clusterOf(raw: Raw): Cluster {
  const server = textOf(raw, 'server');
  const url = server === undefined ? null : URL.parse(server);
  if (
    server === undefined ||
    url?.protocol !== 'https:' ||
    url.username + url.password + url.search + url.hash !== ''
  ) {
    throw new KubeConfigError('the server of the kubeconfig is not an https address without user, query and fragment');
  }
  const tlsServerName = textOf(raw, 'tls-server-name');
  const caData = pemOf(raw, 'certificate-authority-data', /-----BEGIN CERTIFICATE-----/);
  return {
    name: 'cluster',
    server: server.replace(/\/+$/, ''),
    skipTLSVerify: false,
    ...(caData !== undefined && { caData }),
    ...(tlsServerName !== undefined && { tlsServerName }),
  };
}

function userOf(raw: Raw): User {
  const token = textOf(raw, 'token')?.trim();
  const certData = pemOf(raw, 'client-certificate-data', /-----BEGIN CERTIFICATE-----/);
  const keyData = pemOf(raw, 'client-key-data', /-----BEGIN [A-Z ]*PRIVATE KEY-----/);
  if ((certData === undefined) !== (keyData === undefined)) {
    throw new KubeConfigError('the kubeconfig needs both client-certificate-data and client-key-data, or neither');
  }
  if (token === undefined && certData === undefined) {
    throw new KubeConfigError('the user of the kubeconfig has neither a token nor a client certificate');
  }
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw new KubeConfigError(
      'the token of the kubeconfig has spaces, line breaks or other characters that no token has',
    );
  }
  return {
    name: 'user',
    ...(token !== undefined && { token }),
    ...(certData !== undefined && keyData !== undefined && { certData, keyData }),
  };
}

function textOf(raw: Raw, field: string): string | undefined {
  const value = raw[field];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw new KubeConfigError(`${field} of the kubeconfig is no text: put it in quotes`);
  return value;
}

/** Checked, as what is no PEM could be taken for the path of a file further on. */
function pemOf(raw: Raw, field: string, pem: RegExp): string | undefined {
  const base64 = textOf(raw, field);
  if (base64 !== undefined && !pem.test(Buffer.from(base64, 'base64').toString('latin1'))) {
    throw new KubeConfigError(`${field} of the kubeconfig is not PEM in base64`);
  }
  return base64;
}
