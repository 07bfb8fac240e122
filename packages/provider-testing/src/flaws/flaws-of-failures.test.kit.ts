import { isProviderError, ProviderError } from '@hikyaku/core';
import type { ProviderErrorCode, SecretsClient } from '@hikyaku/core';
import { interceptors } from 'undici';
import { changeClient, changeFailures } from './flaw.test.kit.ts';
import type { Flaw } from './flaw.test.kit.ts';

/** What an author may forget when the service fails, or when nobody waits any more. */
export const flawsOfFailures: readonly Flaw[] = [
  {
    name: 'has one code for all failures',
    fails: [/^faults: .+ is [A-Z_]+( or [A-Z_]+)?$/],
    make: changeFailures((error) => {
      throw retold(error, 'UNSUPPORTED');
    }),
  },
  {
    name: 'takes failures for an empty project',
    fails: [/^faults: .+ makes nothing absent$/],
    make: changeFailures(() => ({ secrets: new Map() })),
  },
  {
    name: 'never works again after a failure',
    fails: [/^faults: after .+, reads work again by themselves$/],
    make: changeClient((client) => {
      let failed: ProviderError | undefined;
      return {
        async read(request) {
          if (failed !== undefined) throw failed;
          try {
            return await client.read(request);
          } catch (error) {
            if (isProviderError(error)) failed = error;
            throw error;
          }
        },
      };
    }),
  },
  {
    name: 'does not say when to come back',
    fails: ['faults: too many requests says when to come back'],
    make: changeFailures((error) => {
      throw isProviderError(error) && error.code === 'RATE_LIMITED'
        ? new ProviderError('RATE_LIMITED', 'later')
        : error;
    }),
  },
  {
    name: 'quotes the value in its errors',
    fails: [/^secrecy: the errors and the log of .+ hold no value and no credential$/],
    make: changeFailures((error) => {
      throw retold(error, undefined, `no good: ${Buffer.from('good morning, 飛脚').toString('base64')}`);
    }),
  },
  {
    name: 'has an empty list for failures',
    fails: [/^list: .+ is an error, not a shorter list$/],
    make: changeClient((client) => ({
      list: (options) =>
        client.list(options).catch((error: unknown) => {
          if (isProviderError(error)) return [];
          throw error;
        }),
    })),
  },
  {
    name: 'says that a write which failed was done',
    fails: [/^writing: during .+, nothing is done unseen and nothing is said that was not done$/],
    make: changeClient((client) => ({
      write: (changes, options) =>
        client.write(changes, options).catch((error: unknown) => {
          if (isProviderError(error)) return changes.map(({ name }) => ({ name }));
          throw error;
        }),
    })),
  },
  {
    name: 'has its own error for a read that was stopped before it began',
    fails: ['cancellation: a read whose signal has aborted rejects with its reason and asks nobody'],
    make: changeClient((client) => ({
      async read(request) {
        if (request.signal.aborted) throw new Error('aborted');
        return client.read(request);
      },
    })),
  },
  {
    name: 'has its own error for a read that was stopped',
    fails: [
      'cancellation: a read that is stopped at once rejects with the reason, and the next one works',
      'cancellation: a read that waits for a silent service rejects with the reason, and the next one works',
    ],
    make: changeClient((client) => ({
      async read(request) {
        request.signal.throwIfAborted();
        return client.read(request).catch((error: unknown) => {
          throw request.signal.aborted ? new Error('aborted') : error;
        });
      },
    })),
  },
  {
    name: 'lists for a signal that has aborted',
    fails: ['cancellation: a list whose signal has aborted rejects with its reason and asks nobody'],
    make: changeClient((client) => ({ list: (options) => client.list(onceAborted(options)) })),
  },
  {
    name: 'writes for a signal that has aborted',
    fails: ['cancellation: a write whose signal has aborted rejects with its reason and writes nothing'],
    make: changeClient((client) => ({ write: (changes, options) => client.write(changes, onceAborted(options)) })),
  },
  {
    name: 'asks somebody else, too',
    fails: ['origins: requests go only to the origins of describe'],
    make: changeClient((client, { dispatcher }) => ({
      async list(options) {
        options.signal.throwIfAborted();
        await dispatcher.request({ origin: 'http://127.0.0.1:1', path: '/', method: 'GET' }).catch(() => {});
        return client.list(options);
      },
    })),
  },
  {
    name: 'uses the global fetch',
    fails: ['origins: every request goes through the dispatcher of the context'],
    make: (provider) => ({
      ...provider,
      async connect(config, context) {
        const past: Flaw['make'] = changeClient((client) => ({
          async list(options) {
            const answer = await fetch(config.url, {
              signal: AbortSignal.any([options.signal, AbortSignal.timeout(50)]),
            }).catch(() => undefined);
            await answer?.body?.cancel();
            return client.list(options);
          },
        }));
        return past(provider).connect(config, context);
      },
    }),
  },
  {
    name: 'follows redirects',
    fails: ['origins: a redirect to another origin is not followed'],
    make: changeClient(
      () => ({}),
      (context) => ({
        ...context,
        dispatcher: context.dispatcher.compose(interceptors.redirect({ maxRedirections: 1 })),
      }),
    ),
  },
];

function retold(error: unknown, code?: ProviderErrorCode, message = 'it did not work'): unknown {
  if (!isProviderError(error)) return error;
  const { retryable, retryAfterMs } = error;
  return new ProviderError(code ?? error.code, message, {
    retryable,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

function onceAborted(options: Parameters<NonNullable<SecretsClient['list']>>[0]): typeof options {
  return options.signal.aborted ? { signal: new AbortController().signal } : options;
}
