import { ProviderError } from '@hikyaku/core';
import type { ProviderContext, SecretsClient } from '@hikyaku/core';
import { isPlainUrl, isSafeUrl } from '@hikyaku/provider-utils';
import * as z from 'zod';

/** A source that speaks the hikyaku protocol; its token, where there is one, is the credential `token`. */
export type ProtocolConfig = z.infer<typeof protocolConfig>;

export const protocolConfig = z.strictObject({
  protocol: z.literal('hikyaku').describe('The service speaks the hikyaku protocol: it needs no templates.'),
  url: z
    .url()
    .refine(isSafeUrl, { error: 'must be https, or http for a loopback host such as localhost' })
    .refine(isPlainUrl, { error: 'must have no user, query or fragment' })
    .describe('Where the service is.'),
  ca: z
    .string()
    .min(1)
    .optional()
    .describe("Certificates to trust for `url` instead of the system's: PEM text, or the path of a PEM file."),
});

export function connectProtocol(_config: ProtocolConfig, _context: ProviderContext): SecretsClient {
  throw new ProviderError('UNSUPPORTED', '`protocol: hikyaku` is not available in this version');
}
