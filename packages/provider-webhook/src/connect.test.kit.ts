import { refId } from '@hikyaku/core';
import type { Clock, ProviderErrorCode, ReadRequest, SecretsClient, Snapshot } from '@hikyaku/core';
import { createContext } from '@hikyaku/provider-testing';
import type { ContextOptions, TestContext } from '@hikyaku/provider-testing';
import * as z from 'zod';
import webhook from './index.ts';
import { templatedConfig } from './templated-config.ts';

export interface Connected extends AsyncDisposable {
  readonly client: SecretsClient;
  readonly context: TestContext;
  readonly read: (request?: Partial<ReadRequest>) => Promise<Snapshot>;
  /** One secret: its text, `absent`, or the code of its error. */
  readonly get: (name: string, version?: string) => Promise<string | undefined>;
}

export interface ConnectOptions extends Pick<ContextOptions, 'credentials' | 'ca'> {
  readonly clock?: Clock;
}

/** Opens the provider with a config as the file would have it. */
export async function connect(config: object, options: ConnectOptions = {}): Promise<Connected> {
  const context = createContext(options);
  const parsed = templatedConfig.parse(config);
  const client = await webhook.connect(parsed, context);
  const read: Connected['read'] = (request = {}) =>
    client.read({ all: false, refs: [], signal: AbortSignal.timeout(20_000), progress() {}, ...request });
  return {
    client,
    context,
    read,
    async get(name, version) {
      const ref = { name, ...(version !== undefined && { version }) };
      const { secrets, unknown } = await read({ refs: [ref] });
      const id = refId(ref);
      return secrets.get(id)?.value.text() ?? unknown?.get(id)?.code ?? 'absent';
    },
    [Symbol.asyncDispose]: () => context[Symbol.asyncDispose](),
  };
}

/** What is wrong with a config, as the file would have it; empty when nothing is. */
export function problemsOf(config: object): string {
  const result = templatedConfig.safeParse(config);
  return result.success ? '' : z.prettifyError(result.error);
}

export function texts({ secrets }: Snapshot): Record<string, string | undefined> {
  return Object.fromEntries([...secrets].map(([id, { value }]) => [id, value.text()]));
}

export function codes({ unknown }: Snapshot): Record<string, ProviderErrorCode> {
  return Object.fromEntries([...(unknown ?? [])].map(([id, { code }]) => [id, code]));
}
