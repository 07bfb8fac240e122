import { chmod, mkdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Fault, Trial, Values } from './trial.ts';

interface Place {
  /** Of the file, which holds JSON. */
  readonly path: string;
  readonly values: Values;
  /** May not be read by sources. */
  readonly outside: string;
}

const faults: Readonly<Record<string, Fault<Place>>> = {
  deleted: { code: 'NOT_FOUND', begin: ({ path }) => rm(path) },
  'volume-gone': {
    code: 'NOT_FOUND',
    begin: ({ path }) => rename(join(path, '..'), join(path, '..', '..', 'unmounted')),
    end: ({ path }) => mkdir(join(path, '..')),
  },
  emptied: { code: 'INVALID_RESPONSE', begin: ({ path }) => truncate(path) },
  'half-written': {
    code: 'INVALID_RESPONSE',
    begin: ({ path, values }) => writeFile(path, JSON.stringify(values).slice(0, -10)),
  },
  'null-value': {
    code: 'INVALID_RESPONSE',
    begin: ({ path, values }) => writeFile(path, JSON.stringify({ ...values, FIRST: null })),
  },
  'not-text': { code: 'INVALID_RESPONSE', begin: ({ path }) => writeFile(path, Buffer.of(0x7b, 0xff, 0xfe, 0x7d)) },
  'link-out': {
    code: 'FORBIDDEN',
    async begin({ path, outside }) {
      await rm(path);
      await symlink(join(outside, 'other.json'), path);
    },
    end: ({ path }) => rm(path),
  },
  'link-in-a-circle': {
    code: 'INVALID_CONFIG',
    async begin({ path }) {
      await rm(path);
      await symlink(path, path);
    },
    end: ({ path }) => rm(path),
  },
  'a-directory-now': {
    code: 'INVALID_CONFIG',
    async begin({ path }) {
      await rm(path);
      await mkdir(path);
    },
    end: ({ path }) => rm(path, { recursive: true }),
  },
  // Root may read everything.
  ...(process.getuid?.() !== 0 && {
    'no-permission': {
      code: 'FORBIDDEN',
      begin: ({ path }: Place) => chmod(path, 0),
      end: ({ path }: Place) => chmod(path, 0o600),
    },
  }),
};

/** A JSON file for each, in a folder of its own below `root`. */
export async function fileTrials(values: Values, root: string, outside: string): Promise<readonly Trial[]> {
  await writeFile(join(outside, 'other.json'), JSON.stringify({ FIRST: 'of somebody else' }));
  return await Promise.all(
    Object.entries(faults).map(async ([fault, { code, begin, end }]): Promise<Trial> => {
      const name = `file-${fault}`;
      const path = join(root, name, 'mounted', 'secrets.json');
      const place = { path, values, outside };
      await mkdir(join(path, '..'), { recursive: true });
      await writeFile(path, JSON.stringify(values));
      return {
        name,
        code,
        settings: { type: 'file', path },
        begin: () => begin(place),
        async end(now) {
          await end?.(place);
          await writeFile(path, JSON.stringify(now));
        },
        async [Symbol.asyncDispose]() {},
      };
    }),
  );
}
