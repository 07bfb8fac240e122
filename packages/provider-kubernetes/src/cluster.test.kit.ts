import type { ProviderContext, ReadRequest, SecretsClient, Snapshot } from '@hikyaku/core';
import { createContext } from '@hikyaku/provider-testing';
import type { ContextOptions, TestContext } from '@hikyaku/provider-testing';
import { selfSignedCertificate } from '@hikyaku/provider-utils/testing';
import { kubernetesConfig } from './kubernetes-config.ts';
import kubernetes from './index.ts';
import { startFakeApiServer } from './testing/index.ts';
import type { FakeApiServer, FakeRule } from './testing/index.ts';

export const VALUE = 'correct-horse-battery';

export const READ: FakeRule = { verbs: ['get', 'list', 'watch'], namespace: 'web' };
export const WRITE: FakeRule = { verbs: ['get', 'create', 'update'], namespace: 'web' };

const tls = selfSignedCertificate();

/** With the Secret `app` in the namespace `web`. */
export async function startHub(): Promise<FakeApiServer> {
  const fake = await startFakeApiServer({ tls });
  fake.setSecret('web', 'app', { password: VALUE, url: 'postgres://db' });
  return fake;
}

export interface OpenOptions extends Pick<ContextOptions, 'clock' | 'credentials'> {
  readonly config?: object;
  /** By default, of a token that may read in `web`. */
  readonly token?: string;
  readonly context?: Partial<ProviderContext>;
}

export interface OpenedSource extends AsyncDisposable {
  readonly client: SecretsClient;
  readonly context: TestContext;
  /** Everything, unless told otherwise. */
  readonly read: (request?: Partial<ReadRequest>) => Promise<Snapshot>;
}

/** A source of the namespace `web` of a fake cluster, as the agent opens it. */
export async function open(fake: FakeApiServer, options: OpenOptions = {}): Promise<OpenedSource> {
  const { config = {}, token = fake.token(READ), clock, credentials } = options;
  const context = createContext({
    credentials: credentials ?? { kubeconfig: fake.kubeconfig(token) },
    origins: [fake.url],
    ...(clock && { clock }),
  });
  const settings = kubernetesConfig.parse({ namespace: 'web', secrets: ['app'], server: fake.url, ...config });
  const client = await kubernetes.connect(settings, { ...context, ...options.context });
  return {
    client,
    context,
    read: (request = {}) =>
      client.read({
        all: request.refs === undefined,
        refs: [],
        signal: AbortSignal.timeout(30_000),
        progress() {},
        ...request,
      }),
    [Symbol.asyncDispose]: () => context[Symbol.asyncDispose](),
  };
}

export function texts({ secrets }: Snapshot): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries([...secrets].map(([name, { value }]) => [name, value.text()]));
}

export function codes({ unknown = new Map() }: Snapshot): Readonly<Record<string, string>> {
  return Object.fromEntries([...unknown].map(([name, { code }]) => [name, code]));
}

export async function rejection(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error('it did not reject');
}
