import { generateKeyPair, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { exists } from './exists.ts';
import { freePort, isFree } from './free-port.ts';

/** The files of one cluster, all in its directory. */
export interface ClusterPaths {
  readonly directory: string;
  readonly etcdData: string;
  /** The API server writes its own certificate here at its first start. */
  readonly certificates: string;
  /** The authority alone, taken out of what the API server wrote. */
  readonly ca: string;
  readonly tokens: string;
  readonly signingKey: string;
  readonly verifyingKey: string;
  readonly ports: string;
  readonly kubeconfig: string;
  readonly auditPolicy: string;
  readonly auditLog: string;
}

export interface ClusterPorts {
  readonly etcd: number;
  readonly apiServer: number;
}

export function clusterPaths(directory: string): ClusterPaths {
  return {
    directory,
    etcdData: join(directory, 'etcd'),
    certificates: join(directory, 'certificates'),
    ca: join(directory, 'ca.crt'),
    tokens: join(directory, 'tokens.csv'),
    signingKey: join(directory, 'service-account.key'),
    verifyingKey: join(directory, 'service-account.pub'),
    ports: join(directory, 'ports.json'),
    kubeconfig: join(directory, 'kubeconfig'),
    auditPolicy: join(directory, 'audit-policy.json'),
    auditLog: join(directory, 'audit.log'),
  };
}

/** Makes the keys and the administrator's token, or takes those of an earlier cluster in the same directory. Returns the token. */
export async function ensureCredentials(paths: ClusterPaths): Promise<string> {
  await mkdir(paths.directory, { recursive: true, mode: 0o700 });
  if (await exists(paths.tokens)) {
    const [token = ''] = (await readFile(paths.tokens, 'utf8')).split(',');
    return token;
  }
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  await writeFile(paths.signingKey, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  await writeFile(paths.verifyingKey, publicKey.export({ type: 'spki', format: 'pem' }));
  const token = randomBytes(24).toString('base64url');
  // Last, since its presence says that the keys are there.
  await writeFile(paths.tokens, `${token},admin,admin,"system:masters"\n`, { mode: 0o600 });
  return token;
}

/** The ports of an earlier cluster in the same directory when they are free, else new ones. */
export async function choosePorts(paths: ClusterPaths): Promise<ClusterPorts> {
  const earlier = await readPorts(paths.ports);
  if (earlier !== undefined && (await isFree(earlier.etcd)) && (await isFree(earlier.apiServer))) return earlier;
  const ports = { etcd: await freePort(), apiServer: await freePort() };
  await writeFile(paths.ports, JSON.stringify(ports));
  return ports;
}

async function readPorts(path: string): Promise<ClusterPorts | undefined> {
  if (!(await exists(path))) return undefined;
  const ports: unknown = JSON.parse(await readFile(path, 'utf8'));
  if (typeof ports !== 'object' || ports === null || !('etcd' in ports) || !('apiServer' in ports)) return undefined;
  const { etcd, apiServer } = ports;
  return typeof etcd === 'number' && typeof apiServer === 'number' ? { etcd, apiServer } : undefined;
}

/** Says that of this user each request is written down, and of others none. */
export async function writeAuditPolicy(paths: ClusterPaths, user: string): Promise<void> {
  const policy = {
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived'],
    rules: [{ level: 'Metadata', users: [user] }, { level: 'None' }],
  };
  await writeFile(paths.auditPolicy, JSON.stringify(policy));
}

/** Copies the authority out of the chain that the API server wrote; it is the last certificate there. */
export async function extractAuthority(paths: ClusterPaths): Promise<Buffer | undefined> {
  const chain = await readFile(join(paths.certificates, 'apiserver.crt'), 'utf8').catch(() => '');
  const authority = chain.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/g)?.[1];
  if (authority === undefined) return undefined;
  // At once: a controller manager that starts now must not read half of it.
  await writeFile(`${paths.ca}.new`, authority);
  await rename(`${paths.ca}.new`, paths.ca);
  return Buffer.from(authority);
}
