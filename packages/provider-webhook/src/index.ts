import { defineProvider, ProviderError } from '@hikyaku/core';
import { baseUrl } from '@hikyaku/provider-utils';
import * as z from 'zod';
import { connectProtocol, protocolConfig } from './protocol/index.ts';
import { templatedConfig } from './templated-config.ts';

export type { ProtocolConfig } from './protocol/index.ts';
export type { TemplatedConfig } from './templated-config.ts';

const webhookConfig = z.discriminatedUnion('protocol', [templatedConfig, protocolConfig], {
  error: 'must be `hikyaku`, or be left out for a service that is described by templates',
});

/** Any HTTP service: by templates that say how it is asked, or by the hikyaku protocol. */
export default defineProvider({
  type: 'webhook',
  config: webhookConfig,
  credentials: [
    { path: 'token' },
    { path: 'headers.*' },
    { path: 'basic.password' },
    { path: 'oauth.clientSecret' },
    { path: 'clientCertificate' },
    { path: 'clientKey' },
  ],
  describe({ url, ca }) {
    return {
      identity: `webhook ${baseUrl(url)}`,
      origins: [new URL(url).origin],
      ...(ca !== undefined && { ca }),
    };
  },
  connect(config, context) {
    if (config.protocol === 'hikyaku') return connectProtocol(config, context);
    throw new ProviderError('UNSUPPORTED', 'templates are not available in this version');
  },
});
