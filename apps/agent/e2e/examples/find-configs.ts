import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * What `--config` can name below a directory: each file `*.yaml`, and each directory with such a file that has `secrets:`. If
 * that is its only one, the file itself. Other directories go along with a config, or are something else.
 */
export async function findConfigs(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const found = await Promise.all(
    entries.map(async (entry) => {
      if (!entry.isDirectory()) return isYaml(entry.name) ? [entry.name] : [];
      const files = (await readdir(join(directory, entry.name))).filter(isYaml);
      const texts = await Promise.all(files.map((file) => readFile(join(directory, entry.name, file), 'utf8')));
      if (!texts.some((text) => /^secrets:/m.test(text))) return [];
      return [files.length === 1 ? join(entry.name, ...files) : entry.name];
    }),
  );
  return found.flat().toSorted();
}

function isYaml(name: string): boolean {
  return name.endsWith('.yaml');
}
