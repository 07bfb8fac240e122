import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defineProvider, readEach, SecretValue } from '@hikyaku/core';
import type { Provider } from '@hikyaku/core';

interface DirectoryConfig {
  readonly path: string;
}

/** The provider of core's README, with a schema written by hand. */
export const directory: Provider<DirectoryConfig> = defineProvider<DirectoryConfig>({
  type: 'directory',
  config: {
    '~standard': {
      version: 1,
      vendor: 'by hand',
      validate(value) {
        const fields = new Map<string, unknown>(Object.entries(Object(value)));
        const path = fields.get('path');
        fields.delete('path');
        const unknown = [...fields.keys()].map((key) => ({ message: `${key} is not known`, path: [key] }));
        if (typeof path !== 'string') return { issues: [{ message: 'path must be a text' }, ...unknown] };
        return unknown.length > 0 ? { issues: unknown } : { value: { path } };
      },
    },
  },
  describe: ({ path }) => ({ identity: path, origins: [] }),
  connect({ path }) {
    return {
      read: readEach(async ({ name, version }, { signal }) => {
        if (version !== undefined) return undefined;
        const bytes = await readFile(join(path, name), { signal }).catch((error: NodeJS.ErrnoException) => {
          if (error.code === 'ENOENT') return undefined;
          throw error;
        });
        return bytes && { value: SecretValue.of(bytes) };
      }),
    };
  },
});
