import { readFile } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import type { Config, ConfigFiles } from '@hikyaku/config';
import { folderOf, isInside } from '../file-access.ts';
import type { Needs } from '../grants/needs.ts';
import { UserError } from '../user-error.ts';
import { textValue } from './text-value.ts';

/** One key of the ConfigMap `hikyaku-config`. */
export interface ConfigText {
  readonly key: string;
  /** Where the Pod has it, below `/config`. */
  readonly mounted: string;
  /** Where it is kept, absolute. */
  readonly path: string;
  readonly text: string;
}

/** Of the data of a ConfigMap; more is refused by the API server. */
const LARGEST_BYTES = 1024 * 1024;

/** What the config consists of for a Pod: its files, and those that it names beside it and that are not secret. Throws a UserError. */
export async function configTexts(
  { files }: ConfigFiles,
  path: string,
  config: Config,
  needs: Needs,
): Promise<readonly ConfigText[]> {
  const folder = folderOf(path);
  const isOneFile = resolve(path) !== folder;
  const own = files.map(({ path: file, text }) => {
    const name = isOneFile ? 'hikyaku.yaml' : basename(file);
    return { key: name, mounted: name, path: resolve(file), text };
  });
  const named: ConfigText[] = [];
  for (const file of namedFiles(config, needs)) {
    if (!isInside(file, folder) || own.some((one) => one.path === file)) continue;
    const mounted = relative(folder, file);
    named.push({ key: mounted.replaceAll('/', '.'), mounted, path: file, text: await readText(file) });
  }
  return checked([...own, ...named]);
}

/** Plug-ins and certificates, absolute. */
function namedFiles(config: Config, { plugIns, files, folder }: Needs): readonly string[] {
  const code = plugIns.flatMap(({ name, path, source }) => {
    if (path !== undefined) return [resolve(folder, path)];
    const file = config.sources.get(source)?.position.file;
    return /^\.{0,2}\//.test(name) && file !== undefined ? [resolve(file, '..', name)] : [];
  });
  const certificates = files.flatMap(({ as, what }) => (as === 'certificates' ? [what] : []));
  return [...new Set([...code, ...certificates])].toSorted();
}

function checked(texts: readonly ConfigText[]): readonly ConfigText[] {
  for (const [index, { key, path }] of texts.entries()) {
    if (!/^[-._a-zA-Z0-9]{1,253}$/.test(key))
      throw new UserError(`${path} cannot be a key of a ConfigMap: name it with letters, digits, - _ and . alone`);
    if (texts.findIndex((other) => other.key === key) !== index)
      throw new UserError(`${path} and another file would both be the key ${key} of the ConfigMap: rename one`);
  }
  requireFits(
    'hikyaku-config',
    texts.map(({ text }) => text),
  );
  return texts;
}

/** Throws a UserError where a ConfigMap cannot hold these values. */
export function requireFits(name: string, values: readonly string[]): void {
  const bytes = values.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (bytes <= LARGEST_BYTES) return;
  throw new UserError(
    `the ConfigMap ${name} would hold ${bytes} bytes, and Kubernetes takes ${LARGEST_BYTES}: make the config smaller`,
  );
}

async function readText(path: string): Promise<string> {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readFile(path));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new UserError(`${path} cannot be read as text (${code})`);
  }
}

/** Else Flux, where it is told to substitute variables, takes each `${name}` of a config for one. */
export const NO_SUBSTITUTION = 'kustomize.toolkit.fluxcd.io/substitute: disabled';

/** The manifest of the ConfigMap `hikyaku-config`. */
export function configMapText(texts: readonly ConfigText[]): string {
  return `apiVersion: v1
kind: ConfigMap
metadata:
  name: hikyaku-config
  namespace: hikyaku
  annotations: { ${NO_SUBSTITUTION} }
data:
${texts.map(({ key, text }) => `  ${plainKey(key)}: ${textValue(text)}\n`).join('')}`;
}

/** Quoted where YAML could take it for something else than text. */
function plainKey(key: string): string {
  return /^[a-zA-Z][-\w]*\.[-.\w]*[a-zA-Z]$/.test(key) ? key : JSON.stringify(key);
}

/** What `--config` of the Pod says. */
export function mountedConfig(texts: readonly ConfigText[], path: string): string {
  return resolve(path) === folderOf(path) ? '/config' : join('/config', texts[0]?.mounted ?? '');
}
