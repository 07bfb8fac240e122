import { defineProvider, ProviderError, readEach } from '@hikyaku/core';
import { baseUrl, isPlainUrl, isSafeUrl } from '@hikyaku/provider-utils';
import * as z from 'zod';
import { AcmeClient } from './acme-client.ts';

/** The source's part of the config file, without its token. */
export type AcmeConfig = z.infer<typeof acmeConfig>;

const acmeConfig = z.strictObject({
  url: z
    .url()
    .refine(isSafeUrl, { error: 'must be https, or http for a loopback host such as localhost' })
    .refine(isPlainUrl, { error: 'must have no user, query or fragment' })
    .describe('Where acme is, such as `https://acme.example.com`.'),
});

/** One list per read, and one request for each secret whose version changed. */
export default defineProvider({
  type: 'acme',
  config: acmeConfig,
  credentials: [{ path: 'token', default: { env: 'ACME_TOKEN' } }],
  describe: ({ url }) => ({ identity: `acme ${baseUrl(url)}`, origins: [new URL(url).origin] }),
  connect({ url }, context) {
    const client = new AcmeClient(url, context);
    return {
      async list(options) {
        return Array.from(await client.versions(options), ([name, version]) => ({ name, version }));
      },
      async read(request) {
        const versions = await client.versions(request);
        const read = readEach(
          async ({ name, version: pinned }, { signal, previous }) => {
            if (pinned !== undefined)
              throw new ProviderError('UNSUPPORTED', `acme keeps no versions to pin: remove \`version\` from ${name}`);
            const version = versions.get(name);
            // The list says what there is: what it does not name does not exist.
            if (version === undefined) return undefined;
            if (previous?.version === version) return previous;
            return { value: await client.value(name, { signal }), version };
          },
          { list: async () => [...versions.keys()] },
        );
        return await read(request);
      },
    };
  },
});
