import { basename } from 'node:path';
import * as z from 'zod';

export const fileConfig = z.strictObject({
  path: z
    .string()
    .min(1)
    .refine((path) => !path.includes('\0'), 'a path holds no U+0000')
    .describe('A file or a directory; relative to the folder of the config file'),
  format: z
    .enum(['directory', 'dotenv', 'json', 'yaml'])
    .optional()
    .describe(
      'What it is. By default what the extension says, and a directory with a file per secret without a known one',
    ),
});

export type FileConfig = z.infer<typeof fileConfig>;
export type FileFormat = NonNullable<FileConfig['format']>;

/** What the source is read as. Pure: a path without a known extension is a directory, until a read finds otherwise and says so. */
export function formatOf({ path, format }: FileConfig): FileFormat {
  if (format !== undefined) return format;
  const name = basename(path).toLowerCase();
  if (name.endsWith('.json')) return 'json';
  if (/\.ya?ml$/.test(name)) return 'yaml';
  // `.env`, `web.env`, `.env.production`
  return /(?:^|\.)env$|^\.env\./.test(name) ? 'dotenv' : 'directory';
}
