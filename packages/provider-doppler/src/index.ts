import { defineProvider } from '@hikyaku/core';
import { baseUrl } from '@hikyaku/provider-utils';
import { dopplerConfig } from './doppler-config.ts';
import { DopplerSecretsClient } from './doppler-secrets-client.ts';
import { verifyNotice } from './verify-notice.ts';

export type { DopplerConfig } from './doppler-config.ts';

/** One Doppler config per source, downloaded whole by one conditional request per read. */
export default defineProvider({
  type: 'doppler',
  config: dopplerConfig,
  credentials: [{ path: 'token', default: { env: 'DOPPLER_TOKEN' } }],
  describe({ url, project, config, ca, oidc }) {
    const which = project === undefined ? 'config of the token' : `${project}/${config}`;
    return {
      identity: `doppler ${baseUrl(url)} ${which}`,
      origins: [new URL(url).origin],
      ...(ca !== undefined && { ca }),
      ...(oidc !== undefined && { credentials: [] }),
    };
  },
  connect: (config, context) => new DopplerSecretsClient(config, context),
  verifyNotice,
});
