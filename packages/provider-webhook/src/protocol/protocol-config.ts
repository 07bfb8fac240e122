import { isPlainUrl, isSafeUrl } from '@hikyaku/provider-utils';
import * as z from 'zod';

/** A source that speaks the hikyaku protocol; its token, where there is one, is the credential `token`. */
export type ProtocolConfig = z.infer<typeof protocolConfig>;

export const protocolConfig = z.strictObject({
  protocol: z.literal('hikyaku').describe('The service speaks the hikyaku protocol: it needs no templates.'),
  url: z
    .url()
    .refine(isSafeUrl, {
      error:
        'must be https, or http for a loopback host such as localhost: the token and the values would travel in the clear',
    })
    .refine(isPlainUrl, { error: 'must have no user, query or fragment: it is the base of the paths below /v1' })
    .describe('Where the service is: the part of its addresses before `/v1`.'),
  ca: z
    .string()
    .min(1)
    .optional()
    .describe("Certificates to trust for `url` instead of the system's: PEM text, or the path of a PEM file."),
  requestsPerMinute: z
    .int()
    .min(1)
    .max(6000)
    .default(60)
    .describe('The most requests a minute, counted together for all sources with the same address and token.'),
});
