import { setTimeout as delay } from 'node:timers/promises';
import type { ReadRequest, Snapshot } from '@hikyaku/core';
import type { FakeClock } from '@hikyaku/core/testing';
import { createContext } from '@hikyaku/provider-testing';
import type { ContextOptions, TestContext } from '@hikyaku/provider-testing';
import { connectProtocol, protocolConfig } from './index.ts';
import type { ProtocolSecretsClient } from './protocol-secrets-client.ts';

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

/** Moves the clock in steps until the promise settles; requests in flight get real time in between. */
export async function settled<T>(promise: Promise<T>, clock: FakeClock, stepMs = 100): Promise<unknown> {
  const outcome = promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ value: error }),
  );
  for (;;) {
    const settledNow = await Promise.race([outcome, delay(5)]);
    if (settledNow !== undefined) return settledNow.value;
    await clock.advance(stepMs);
  }
}
