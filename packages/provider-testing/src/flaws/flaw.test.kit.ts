import type { Provider, ProviderContext, ReadRequest, Secret, SecretsClient, Snapshot } from '@hikyaku/core';
import type { MemoryConfig } from '../memory/memory-provider.test.kit.ts';

export type MemoryProvider = Provider<MemoryConfig>;

/** A mistake that an author might make. */
export interface Flaw {
  readonly name: string;
  /** The titles of all checks that fail because of it. */
  readonly fails: readonly (string | RegExp)[];
  /** Makes it in a provider that may have others already. */
  readonly make: (provider: MemoryProvider) => MemoryProvider;
}

/** A client with some methods replaced. */
export function changeClient(
  change: (client: Required<SecretsClient>, context: ProviderContext) => Partial<SecretsClient>,
  changeContext: (context: ProviderContext) => ProviderContext = (context) => context,
): Flaw['make'] {
  return (provider) => ({
    ...provider,
    async connect(config, given) {
      const context = changeContext(given);
      const client = requireAll(await provider.connect(config, context));
      return { ...client, ...change(client, context) };
    },
  });
}

/** Replaces what reads give, and still returns `previous` itself when that is no different from it. */
export function changeSnapshots(change: (snapshot: Snapshot, request: ReadRequest) => Snapshot): Flaw['make'] {
  return changeClient((client) => ({
    async read(request) {
      const snapshot = await client.read(request);
      const changed = change(snapshot, request);
      return changed === snapshot || request.previous === undefined || !isSame(request.previous, changed)
        ? changed
        : request.previous;
    },
  }));
}

/** Replaces the secrets of reads; `undefined` leaves one out. */
export function changeSecrets(
  change: (secret: Secret, id: string, request: ReadRequest) => Secret | undefined,
): Flaw['make'] {
  return changeSnapshots((snapshot, request) => {
    const secrets = new Map<string, Secret>();
    for (const [id, secret] of snapshot.secrets) {
      const changed = change(secret, id, request);
      if (changed !== undefined) secrets.set(id, changed);
    }
    const same = [...snapshot.secrets].every(([id, secret]) => secrets.get(id) === secret);
    return same ? snapshot : { ...snapshot, secrets };
  });
}

/** Replaces how reads that fail end. */
export function changeFailures(change: (error: unknown, request: ReadRequest) => Snapshot): Flaw['make'] {
  return changeClient((client) => ({
    async read(request) {
      try {
        return await client.read(request);
      } catch (error) {
        request.signal.throwIfAborted();
        return change(error, request);
      }
    },
  }));
}

function requireAll(client: SecretsClient): Required<SecretsClient> {
  const list = client.list?.bind(client);
  const write = client.write?.bind(client);
  const watch = client.watch?.bind(client);
  const close = client[Symbol.asyncDispose]?.bind(client);
  if (list === undefined || write === undefined || watch === undefined || close === undefined)
    throw new TypeError('the memory provider has all methods');
  return {
    read: (request) => client.read(request),
    list,
    write,
    watch,
    [Symbol.asyncDispose]: close,
  };
}

function isSame(a: Snapshot, b: Snapshot): boolean {
  const unknown = [...(a.unknown?.keys() ?? [])].join('\n') === [...(b.unknown?.keys() ?? [])].join('\n');
  if (!unknown || a.revision !== b.revision || a.secrets.size !== b.secrets.size) return false;
  return [...a.secrets].every(([id, secret]) => b.secrets.get(id)?.value.equals(secret.value) === true);
}
