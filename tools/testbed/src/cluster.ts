import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DevClusterOptions, startDevCluster, writeServiceAccountKubeconfig } from '@hikyaku/devcluster';
import { Agent, request } from 'undici';

export interface ApiAnswer {
  readonly status: number;
  /** Parsed JSON, `undefined` when it is none. Kubernetes objects of every kind: narrow with {@link field}. */
  readonly body: unknown;
  readonly text: string;
}

/** A body that is a string goes as it is, anything else as JSON. */
export type Api = (
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  body?: unknown,
  headers?: Readonly<Record<string, string>>,
) => Promise<ApiAnswer>;

export interface Cluster extends AsyncDisposable {
  readonly url: string;
  readonly caPath: string;
  /** The administrator's. */
  readonly kubeconfig: string;
  readonly admin: Api;
  /** Requests with this bearer token. */
  api(token: string): Api;
  /** Writes a kubeconfig file that acts as a ServiceAccount with a new token; `stop` removes it. */
  agentKubeconfig(namespace?: string, account?: string): Promise<string>;
  /** Ends every process by SIGKILL; data and port stay. */
  kill(): Promise<void>;
  /** Ends what runs, and starts it again with the same data on the same port. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a devcluster, with the controller manager unless told otherwise. */
export async function startCluster(options: DevClusterOptions = {}): Promise<Cluster> {
  const server = await startDevCluster({ controllers: true, ...options });
  const directory = await mkdtemp(join(tmpdir(), 'hikyaku-e2e-'));
  const dispatcher = new Agent({ connect: { ca: await readFile(server.caPath) } });

  function api(token: string): Api {
    return async (method, path, body, headers = {}) => {
      const response = await request(server.url + path, {
        dispatcher,
        method,
        // A watch that is not refused would never end.
        signal: AbortSignal.timeout(20_000),
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
      });
      const text = await response.body.text();
      return { status: response.statusCode, text, body: parseJson(text) };
    };
  }
  const admin = api(server.adminToken);
  async function stop(): Promise<void> {
    await dispatcher.destroy();
    await rm(directory, { recursive: true, force: true });
    await server.stop();
  }

  return {
    url: server.url,
    caPath: server.caPath,
    kubeconfig: server.kubeconfig,
    admin,
    api,
    async agentKubeconfig(namespace = 'hikyaku', account = 'hikyaku') {
      const token = await mintToken(admin, namespace, account);
      const path = join(await mkdtemp(join(directory, 'kubeconfig-')), 'config');
      return writeServiceAccountKubeconfig(server, { namespace, name: account, token, path });
    },
    kill: () => server.kill(),
    restart: () => server.restart(),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** A token of a ServiceAccount; `spec` is a TokenRequest's. */
export async function mintToken(api: Api, namespace: string, account: string, spec: object = {}): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
  const answer = await api('POST', path, { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec });
  const token = field(succeeded(answer), 'status', 'token');
  if (typeof token !== 'string') throw new Error(`no token for ${namespace}/${account}`);
  return token;
}

/** The answer's body, or an error with its text: for what must work before a test can begin. */
export function succeeded(answer: ApiAnswer): unknown {
  if (answer.status >= 300) throw new Error(`${answer.status}: ${answer.text}`);
  return answer.body;
}

/** What stands at a path of keys inside parsed JSON, `undefined` where a step is missing. */
export function field(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (current, key) => (typeof current === 'object' && current !== null ? Reflect.get(current, key) : undefined),
    value,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
