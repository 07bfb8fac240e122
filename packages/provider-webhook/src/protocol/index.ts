import { ProviderError } from '@hikyaku/core';
import type { ProviderContext } from '@hikyaku/core';
import type { ProtocolConfig } from './protocol-config.ts';
import { ProtocolSecretsClient } from './protocol-secrets-client.ts';

export { protocolConfig } from './protocol-config.ts';
export type { ProtocolConfig } from './protocol-config.ts';

/** Opens a service that speaks the hikyaku protocol. `INVALID_CONFIG` for credentials that the protocol has no use for. */
export function connectProtocol(config: ProtocolConfig, context: ProviderContext): ProtocolSecretsClient {
  const useless = context.credentialPaths.find((path) => path !== 'token');
  if (useless !== undefined) {
    throw new ProviderError(
      'INVALID_CONFIG',
      `\`${useless}\` is for services that are described by templates: with \`protocol: hikyaku\` the only credential is \`token\``,
    );
  }
  return new ProtocolSecretsClient(config, context);
}
