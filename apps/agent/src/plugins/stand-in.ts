import { ProviderError } from '@hikyaku/core';
import type { Provider } from '@hikyaku/core';

/** In the place of a plug-in that was not loaded: takes any settings. */
export function standInFor(type: string): Provider {
  return {
    type,
    config: { '~standard': { version: 1, vendor: 'hikyaku', validate: (value) => ({ value }) } },
    describe: () => ({ identity: type, origins: [] }),
    connect: refuse,
  };
}

export function isStandIn(provider: Provider): boolean {
  return provider.connect === refuse;
}

function refuse(): never {
  throw new ProviderError('INVALID_CONFIG', 'the plug-in was not loaded');
}
