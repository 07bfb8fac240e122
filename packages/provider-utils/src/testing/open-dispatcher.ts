import type { ProviderContext } from '@hikyaku/core';
import { Agent } from 'undici';

export interface OpenDispatcher extends AsyncDisposable {
  readonly dispatcher: ProviderContext['dispatcher'];
}

/** Real connections, as a provider's context has them; disposing it cuts those that are open. `ca` is PEM text. */
export function openDispatcher({ ca }: { readonly ca?: string } = {}): OpenDispatcher {
  const agent = new Agent(ca === undefined ? {} : { connect: { ca } });
  return {
    dispatcher: agent,
    [Symbol.asyncDispose]: () => agent.destroy(),
  };
}
