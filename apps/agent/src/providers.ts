import type { Provider } from '@hikyaku/core';
import doppler from '@hikyaku/provider-doppler';

/** The providers that ship with the agent: one line each. */
const builtIn: readonly Provider[] = [doppler];

export const providers: ReadonlyMap<string, Provider> = new Map(builtIn.map((provider) => [provider.type, provider]));
