import { ProviderError, SecretValue, systemClock } from '@hikyaku/core';
import type { Clock, FileAccess, Logger, ProviderContext } from '@hikyaku/core';
import { Agent } from 'undici';

export interface ContextOptions {
  /** By the path of the field; a function is asked each time, with the text that was refused. */
  readonly credentials?: Readonly<Record<string, string | ((refused: string | undefined) => string)>>;
  /** The real one by default. */
  readonly clock?: Clock;
  readonly files?: Partial<FileAccess>;
  /** PEM: certificates to trust, as `ca` of the source's description. */
  readonly ca?: string;
}

/** One line that the provider logged. */
export interface Logged {
  readonly level: keyof Logger;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export interface TestContext extends ProviderContext, AsyncDisposable {
  readonly logged: readonly Logged[];
  /** `<account> <perMinute>`, one for each request that was asked for. */
  readonly budgets: readonly string[];
}

/** What the agent hands to `connect`, for a test: real connections, given credentials, no limit of requests. Disposing it cuts the connections. */
export function createContext({
  credentials = {},
  clock = systemClock,
  files = {},
  ca,
}: ContextOptions = {}): TestContext {
  const agents: Agent[] = [];
  function open(tls: Agent.Options['connect'] = {}): Agent {
    const agent = new Agent({ connect: tls });
    agents.push(agent);
    return agent;
  }
  const logged: Logged[] = [];
  function log(level: keyof Logger): Logger['info'] {
    return (fields, message) => void logged.push({ level, fields, message });
  }
  const budgets: string[] = [];
  const base = files.base ?? '/';
  return {
    async credential(path, { refused }) {
      const value = credentials[path];
      if (value === undefined) throw new ProviderError('INVALID_CONFIG', `${path} is not set`);
      return SecretValue.of(typeof value === 'string' ? value : value(refused?.text()));
    },
    credentialPaths: Object.keys(credentials),
    async budget(account, perMinute, { signal }) {
      signal.throwIfAborted();
      budgets.push(`${account} ${perMinute}`);
    },
    dispatcher: open(ca === undefined ? {} : { ca }),
    dispatcherFor: (tls) => open({ ...(ca !== undefined && { ca }), ...tls }),
    files: { base, root: files.root ?? base, refused: files.refused ?? [] },
    logger: { trace: log('trace'), debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
    clock,
    logged,
    budgets,
    async [Symbol.asyncDispose]() {
      await Promise.all(agents.map((agent) => agent.destroy()));
    },
  };
}
