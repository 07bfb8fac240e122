import { normalize } from 'node:path';
import { defineProvider } from '@hikyaku/core';
import { fileConfig, formatOf } from './file-config.ts';
import { FileSecretsClient } from './file-secrets-client.ts';

export type { FileConfig } from './file-config.ts';

/** A directory with a file per secret, or one file with many: dotenv, JSON, YAML. */
export default defineProvider({
  type: 'file',
  config: fileConfig,
  describe: (config) => ({ identity: `file ${normalize(config.path)} ${formatOf(config)}`, origins: [] }),
  connect: (config, context) => new FileSecretsClient(config, context),
});
