import { cp, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { field } from '@hikyaku/testbed';
import { parse, stringify } from 'yaml';
import type { Contents, Example } from './example.ts';
import type { Preparer } from './preparer.ts';

export interface PreparedExample {
  /** For `--config`. */
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
  /** Credentials. */
  readonly hidden: readonly string[];
  /** By source: what is there by now. */
  readonly look: Readonly<Record<string, () => Promise<Contents>>>;
}

export interface PrepareOptions {
  readonly preparer: Preparer;
  /** Where the examples are. */
  readonly from: string;
  /** A folder that is not there yet. */
  readonly to: string;
}

/** Copies the examples, and prepares every source of this one. */
export async function prepareExample(
  name: string,
  { contents, pushed = {} }: Example,
  { preparer, from, to }: PrepareOptions,
): Promise<PreparedExample> {
  await cp(from, to, { recursive: true });
  const path = join(to, name);
  let env: Readonly<Record<string, string>> = {};
  const hidden: string[] = [];
  const look: Record<string, () => Promise<Contents>> = {};
  for (const file of await configFiles(path)) {
    const config: unknown = parse(await readFile(file, 'utf8'));
    const sources = Object.entries<object>(Object(field(config, 'providers')));
    for (const [source, settings] of sources) {
      const prepared = await preparer.prepare({
        example: name,
        settings,
        contents: contents[source] ?? {},
        isPushedTo: pushed[source] !== undefined,
        folder: dirname(file),
      });
      Object.assign(settings, prepared.settings);
      env = { ...env, ...prepared.env };
      hidden.push(...(prepared.hidden ?? []));
      if (prepared.look !== undefined) look[source] = prepared.look;
    }
    await writeFile(file, stringify(config));
  }
  return { path, env, hidden, look };
}

/** The one, or those of a directory. */
export async function configFiles(path: string): Promise<readonly string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const names = await readdir(path);
  return names.filter((name) => name.endsWith('.yaml')).map((name) => join(path, name));
}
