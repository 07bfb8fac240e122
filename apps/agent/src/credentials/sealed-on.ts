import { isProviderError, ProviderError } from '@hikyaku/core';
import type { SecretsClient, WriteResult } from '@hikyaku/core';
import { shellWord } from '../output/shell-word.ts';

/** Of the sealed credentials that were given out so far, by field. */
interface GivenOut {
  /** When each had been sealed, ISO 8601. */
  readonly sealedAt: ReadonlyMap<string, string>;
  /** As people name each. */
  readonly sealedPaths: ReadonlyMap<string, string>;
}

/**
 * A client whose refusals (`UNAUTHENTICATED`) also say when the credentials that it was given had been sealed: an old one has probably been
 * revoked since.
 */
export function sayingSealedOn(client: SecretsClient, credentials: GivenOut): SecretsClient {
  const saying = (error: unknown): unknown => explained(error, credentials);
  async function attempt<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw saying(error);
    }
  }
  const [list, write, watch] = [client.list?.bind(client), client.write?.bind(client), client.watch?.bind(client)];
  return {
    read: (request) => attempt(() => client.read(request)),
    ...(list && { list: (options) => attempt(() => list(options)) }),
    ...(write && {
      write: (changes, options) =>
        attempt(async () => (await write(changes, options)).map((result) => explainedResult(result, saying))),
    }),
    ...(watch && {
      async *watch(options) {
        try {
          yield* watch(options);
        } catch (error) {
          throw saying(error);
        }
      },
    }),
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]?.();
    },
  };
}

function explainedResult(result: WriteResult, saying: (error: unknown) => unknown): WriteResult {
  const error = result.error && saying(result.error);
  return isProviderError(error) ? { ...result, error } : result;
}

function explained(error: unknown, { sealedAt, sealedPaths }: GivenOut): unknown {
  if (!isProviderError(error) || error.code !== 'UNAUTHENTICATED' || sealedAt.size === 0) return error;
  const dates = [...sealedAt].map(([field, at]) => `${field} was sealed on ${at.slice(0, 10)}`).join(', ');
  const commands = [...sealedAt.keys()]
    .map((field) => `hikyaku seal ${shellWord(sealedPaths.get(field) ?? field)}`)
    .join(' and ');
  const { code, message, retryable, retryAfterMs } = error;
  return new ProviderError(
    code,
    `${message.replace(/\.$/, '')}. ${dates}: has it been revoked? Seal a new one: ${commands}`,
    {
      retryable,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
      cause: error,
    },
  );
}
