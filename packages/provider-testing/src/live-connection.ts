import type { Provider, ReadRequest, SecretChange, SecretsClient, Snapshot } from '@hikyaku/core';
import { createContext } from './create-context.ts';
import type { ContextOptions, TestContext } from './create-context.ts';
import { parseConfig } from './parse-config.ts';

export interface LiveConnectionOptions {
  /** As in the config file, without `type` and credentials. */
  readonly config: object;
  readonly credentials?: Readonly<Record<string, string>>;
  readonly ca?: ContextOptions['ca'];
}

/** Milliseconds; the longest that a call to a service in use may take. */
export const PATIENCE_MS = 45_000;

/** By which a service in use is looked at and changed beside the checks. */
export class LiveConnection implements AsyncDisposable {
  readonly #client: SecretsClient;
  readonly #context: TestContext;

  private constructor(client: SecretsClient, context: TestContext) {
    this.#client = client;
    this.#context = context;
  }

  static async open(provider: Provider, { config, credentials, ca }: LiveConnectionOptions): Promise<LiveConnection> {
    const parsed = await parseConfig(provider, config);
    const context = createContext({ ...(credentials && { credentials }), ...(ca !== undefined && { ca }) });
    return new LiveConnection(await provider.connect(parsed, context), context);
  }

  get canWrite(): boolean {
    return this.#client.write !== undefined;
  }

  async names(): Promise<readonly string[]> {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    if (this.#client.list !== undefined) return (await this.#client.list({ signal })).map(({ name }) => name);
    const { secrets, unknown } = await this.read({ all: true });
    return [...secrets.keys(), ...(unknown?.keys() ?? [])];
  }

  read(request: Partial<ReadRequest>): Promise<Snapshot> {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    return this.#client.read({ all: false, refs: [], signal, progress() {}, ...request });
  }

  /** Rejects when one of them fails. */
  async write(changes: readonly SecretChange[]): Promise<void> {
    const results = await this.#client.write?.(changes, { signal: AbortSignal.timeout(PATIENCE_MS) });
    for (const { error } of results ?? []) if (error !== undefined) throw error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#client[Symbol.asyncDispose]?.();
    } finally {
      await this.#context[Symbol.asyncDispose]();
    }
  }
}
