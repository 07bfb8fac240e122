import { isProviderError, ProviderError } from '@hikyaku/core';
import type { NoticeVerdict, Provider, SecretsClient, Snapshot } from '@hikyaku/core';
import { descriptionProblem, snapshotProblem, verdictProblem } from './answer-problems.ts';

export interface GuardOptions {
  /** What stands behind `type:`. */
  readonly name: string;
  /** Where in the plug-in an error came from, when that is known. */
  readonly placeOf: (error: Error) => string | undefined;
}

/**
 * A provider from outside with its answers checked: what makes no sense is an error for its author, and never taken for an
 * absent secret. Its ProviderErrors pass as they are. Of other errors only kind and place are shown: their text could hold
 * anything.
 */
export function guardProvider(provider: Provider, { name, placeOf }: GuardOptions): Provider {
  const standard = provider.config['~standard'];
  return {
    type: name,
    config: {
      '~standard': { ...standard, validate: (value) => attempt('config', async () => await standard.validate(value)) },
    },
    ...(provider.credentials !== undefined && { credentials: provider.credentials }),
    describe(config) {
      try {
        return checked('describe', provider.describe(config), descriptionProblem);
      } catch (error) {
        throw asProviderError('describe', error);
      }
    },
    async connect(config, context) {
      const client = await attempt('connect', async () => await provider.connect(config, context));
      return guardClient(checked('connect', client, (it) => (isClient(it) ? undefined : 'it must have a `read`')));
    },
    ...(provider.verifyNotice && { verifyNotice }),
  };

  function verifyNotice(...given: Parameters<NonNullable<Provider['verifyNotice']>>): NoticeVerdict {
    try {
      const verdict = checked('verifyNotice', provider.verifyNotice?.(...given), verdictProblem);
      if (verdict?.genuine === true) return { genuine: true, ...(verdict.id !== undefined && { id: verdict.id }) };
      // Its own words could quote what was sent.
      return { genuine: false, because: 'the plug-in does not take it for genuine' };
    } catch (error) {
      throw asProviderError('verifyNotice', error);
    }
  }

  function guardClient(client: SecretsClient): SecretsClient {
    return {
      async read(request) {
        const { signal, previous } = request;
        const progress = (partial: Snapshot) => request.progress(checked('read', partial, snapshotProblem));
        const answer = await attempt('read', () => client.read({ ...request, progress }), signal);
        return previous !== undefined && answer === previous ? answer : checked('read', answer, snapshotProblem);
      },
      ...(client.list && { list: client.list.bind(client) }),
      ...(client.write && { write: client.write.bind(client) }),
      ...(client.watch && { watch: client.watch.bind(client) }),
      async [Symbol.asyncDispose]() {
        await client[Symbol.asyncDispose]?.();
      },
    };
  }

  async function attempt<T>(what: string, call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      return await call();
    } catch (error) {
      signal?.throwIfAborted();
      throw asProviderError(what, error);
    }
  }

  function asProviderError(what: string, error: unknown): ProviderError {
    if (isProviderError(error)) return error;
    const kind = error instanceof Error ? error.name : typeof error;
    const place = error instanceof Error ? placeOf(error) : undefined;
    const where = place === undefined ? '' : ` at ${place}`;
    return bug(`\`${what}\` of the plug-in \`${name}\` failed with an unexpected ${kind}${where}`, error);
  }

  function checked<T>(what: string, answer: T, problemOf: (answer: T) => string | undefined): T {
    const problem = problemOf(answer);
    if (problem === undefined) return answer;
    throw bug(`what \`${what}\` of the plug-in \`${name}\` returns makes no sense: ${problem}`);
  }

  function bug(message: string, cause?: unknown): ProviderError {
    return new ProviderError('INVALID_RESPONSE', `${message}; this is a bug of the plug-in`, { cause });
  }
}

function isClient(client: unknown): boolean {
  return typeof client === 'object' && client !== null && 'read' in client && typeof client.read === 'function';
}
