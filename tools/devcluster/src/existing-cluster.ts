import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { rootCertificates } from 'node:tls';
import { type ApiEndpoint, apiRequest } from './api-request.ts';
import type { DevCluster } from './dev-cluster.ts';
import { type ConfigValue, parseKubeconfig, textMember } from './parse-kubeconfig.ts';

// The names of what is made in a cluster that is not our own, when its kubeconfig has no token.
const administrator = 'hikyaku-devcluster';

/** The cluster that a kubeconfig's current context names. Nothing is started, and `stop` leaves it alone. */
export async function connectToCluster(kubeconfig: string, signal?: AbortSignal): Promise<DevCluster> {
  const { cluster, user } = parseKubeconfig(await readFile(kubeconfig, 'utf8'));
  const folder = dirname(kubeconfig);
  const url = textMember(cluster, 'server')?.replace(/\/$/, '');
  if (url === undefined || !url.startsWith('https://')) {
    throw new Error(`HIKYAKU_DEV_KUBECONFIG: the current context of ${kubeconfig} names no server with https`);
  }
  const ca = (await readData(cluster, 'certificate-authority', folder)) ?? Buffer.from(rootCertificates.join('\n'));
  const token = await findToken({ kubeconfig, url, ca, user, folder, signal });

  const directory = await mkdtemp(join(tmpdir(), 'devcluster-'));
  const caPath = join(directory, 'ca.crt');
  await writeFile(caPath, ca);
  const stop = () => rm(directory, { recursive: true, force: true });
  return {
    kubeconfig,
    url,
    caPath,
    adminToken: token,
    ownsServer: false,
    stop,
    kill: () => Promise.reject(needsOwn('kill')),
    restart: () => Promise.reject(needsOwn('restart')),
    [Symbol.asyncDispose]: stop,
  };
}

function needsOwn(action: string): Error {
  return new Error(
    `${action} needs a cluster of our own; HIKYAKU_DEV_KUBECONFIG names one that is not. Unset it to have one started.`,
  );
}

interface FindToken {
  readonly kubeconfig: string;
  readonly url: string;
  readonly ca: Buffer;
  readonly user: ConfigValue | undefined;
  readonly folder: string;
  readonly signal: AbortSignal | undefined;
}

async function findToken({ kubeconfig, url, ca, user, folder, signal }: FindToken): Promise<string> {
  const token = textMember(user, 'token');
  if (token !== undefined) return token;
  const certificate = await readData(user, 'client-certificate', folder);
  const key = await readData(user, 'client-key', folder);
  if (certificate === undefined || key === undefined) {
    throw new Error(
      `HIKYAKU_DEV_KUBECONFIG: the current user of ${kubeconfig} has neither a token nor a client certificate`,
    );
  }
  return mintToken({ url, ca, certificate, key }, signal);
}

interface TokenRequest {
  readonly status: { readonly token: string };
}

/** Makes a ServiceAccount with every right and returns a token of it: kind, minikube and k3d hand out client certificates only. */
async function mintToken(endpoint: ApiEndpoint, signal: AbortSignal | undefined): Promise<string> {
  const accounts = '/api/v1/namespaces/default/serviceaccounts';
  const create = async (path: string, body: unknown) => {
    const { status, text } = await apiRequest(endpoint, { method: 'POST', path, body, signal });
    if (status !== 201 && status !== 409)
      throw new Error(`HIKYAKU_DEV_KUBECONFIG: POST ${path} was answered with ${status}`);
    return text;
  };
  await create(accounts, { metadata: { name: administrator } });
  await create('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name: administrator },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'ServiceAccount', name: administrator, namespace: 'default' }],
  });
  const answer = await create(`${accounts}/${administrator}/token`, { spec: { expirationSeconds: 24 * 60 * 60 } });
  const { status }: TokenRequest = JSON.parse(answer);
  return status.token;
}

/** Reads `NAME-data` (base64) or the file that `NAME` names, as kubeconfig files have it. */
async function readData(value: ConfigValue | undefined, name: string, folder: string): Promise<Buffer | undefined> {
  const data = textMember(value, `${name}-data`);
  if (data !== undefined) return Buffer.from(data, 'base64');
  const path = textMember(value, name);
  return path === undefined ? undefined : readFile(resolve(folder, path));
}
