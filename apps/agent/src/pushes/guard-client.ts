import { ProviderError } from '@hikyaku/core';
import type { SecretsClient } from '@hikyaku/core';

/** The same client, which writes nothing any more as soon as `mayWrite` says so. */
export function guardClient(client: SecretsClient, mayWrite: () => boolean = () => true): SecretsClient {
  const write = client.write?.bind(client);
  if (write === undefined) return client;
  return {
    read: (request) => client.read(request),
    async write(changes, options) {
      if (!mayWrite())
        throw new ProviderError('UNAVAILABLE', 'nothing is written: this replica does not lead any more');
      return await write(changes, options);
    },
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]?.();
    },
  };
}
