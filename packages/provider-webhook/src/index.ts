import { defineProvider } from '@hikyaku/core';
import { baseUrl, fingerprint } from '@hikyaku/provider-utils';
import * as z from 'zod';
import { connectProtocol, protocolConfig } from './protocol/index.ts';
import { connectTemplated } from './templated-client.ts';
import { templatedConfig } from './templated-config.ts';
import type { TemplatedConfig } from './templated-config.ts';

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
  describe(config) {
    const { url, ca } = config;
    const isTemplated = config.protocol !== 'hikyaku';
    return {
      identity: `webhook ${baseUrl(url)}${isTemplated ? ` ${whatIsRead(config)}` : ''}`,
      origins: [
        ...new Set(
          [url, ...(isTemplated && config.oauth !== undefined ? [config.oauth.tokenUrl] : [])].map(
            (address) => new URL(address).origin,
          ),
        ),
      ],
      ...(ca !== undefined && { ca }),
    };
  },
  connect: (config, context) =>
    config.protocol === 'hikyaku' ? connectProtocol(config, context) : connectTemplated(config, context),
});

/** Everything of the operations that decides which data comes; it becomes their texts. */
function whatIsRead({ read, readAll, list }: TemplatedConfig): string {
  return fingerprint(JSON.stringify([read, readAll, list], entriesOfMaps));
}

function entriesOfMaps(_name: string, value: unknown): unknown {
  return value instanceof Map ? [...value] : value;
}
