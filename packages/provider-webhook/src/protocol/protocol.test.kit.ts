import type { ReadRequest, Snapshot } from '@hikyaku/core';
import { createContext } from '@hikyaku/provider-testing';
import type { ContextOptions, TestContext } from '@hikyaku/provider-testing';
import { connectProtocol, protocolConfig } from './index.ts';
import type { ProtocolSecretsClient } from './protocol-secrets-client.ts';

export { settled } from '@hikyaku/provider-utils/testing';

export interface Connection {
  readonly client: ProtocolSecretsClient;
  readonly context: TestContext;
  /** Everything, unless the request says otherwise. */
  readonly read: (request?: Partial<ReadRequest>) => Promise<Snapshot>;
}

/** A client of the service at `url`; `opened` ends its connections. */
export function connectTo(
  url: string,
  opened: AsyncDisposableStack,
  { config = {}, ...options }: ContextOptions & { readonly config?: object } = {},
): Connection {
  const context = opened.use(createContext(options));
  const client = connectProtocol(protocolConfig.parse({ protocol: 'hikyaku', url, ...config }), context);
  return {
    client,
    context,
    read: (request = {}) =>
      client.read({ all: true, refs: [], signal: AbortSignal.timeout(30_000), progress() {}, ...request }),
  };
}

export function texts({ secrets }: Snapshot): Record<string, string | undefined> {
  return Object.fromEntries([...secrets].map(([id, { value }]) => [id, value.text()]));
}
