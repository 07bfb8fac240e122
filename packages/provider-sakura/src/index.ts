import { defineProvider } from '@hikyaku/core';
import { baseUrl } from '@hikyaku/provider-utils';
import { sakuraConfig } from './sakura-config.ts';
import { SakuraSecretsClient } from './sakura-secrets-client.ts';

export type { SakuraConfig } from './sakura-config.ts';

/** One vault of SAKURA Cloud Secret Manager per source: one list per read, and only what changed is unveiled. */
export default defineProvider({
  type: 'sakura',
  config: sakuraConfig,
  // The names that SAKURA's own tools use.
  credentials: [
    { path: 'accessToken', default: { env: 'SAKURA_ACCESS_TOKEN' } },
    { path: 'accessTokenSecret', default: { env: 'SAKURA_ACCESS_TOKEN_SECRET' } },
  ],
  describe({ url, vault, ca, servicePrincipal }) {
    return {
      identity: `sakura ${baseUrl(url)} ${vault}`,
      // Of the token endpoint, too.
      origins: [new URL(url).origin],
      ...(ca !== undefined && { ca }),
      ...(servicePrincipal !== undefined && { credentials: [] }),
    };
  },
  connect: (config, context) => new SakuraSecretsClient(config, context),
});
