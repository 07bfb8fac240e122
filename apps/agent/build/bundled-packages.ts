import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import type { Metafile } from 'esbuild';

/** An npm package of which the bundle holds something. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** SPDX, one of {@link LICENCES}. */
  readonly licence: string;
  /** Licence and notices, in full. */
  readonly texts: readonly string[];
  readonly homepage?: string;
  /** As package-lock.json has it: `sha512-…`. */
  readonly integrity?: string;
  /** Package URLs of the others of which it holds something. */
  readonly uses: readonly string[];
}

export interface Bundled {
  /** By package URL, sorted. */
  readonly packages: ReadonlyMap<string, BundledPackage>;
  /** Package URLs of those that the agent's own sources import. */
  readonly direct: readonly string[];
}

/** Those that let everybody pass the bundle on, as long as their texts go with it. Another one is a decision (docs/decisions/0033-chart-and-image.md). */
const LICENCES: ReadonlySet<string> = new Set(['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT']);

/**
 * The packages that these bundles hold something of. Paths in the metafiles count from the working directory; `root` is the folder of
 * package-lock.json. Throws where a package has no licence, none of those allowed, or no text of it.
 */
export function bundledPackages(metafiles: readonly Metafile[], root: string): Bundled {
  const locked = lockedPackages(root);
  const folders = new Set(metafiles.flatMap(inputsInBundle).flatMap((path) => folderOfPackage(path) ?? []));
  const urls = new Map([...folders].map((folder) => [folder, urlOf(manifestIn(folder))]));
  const uses = new Map<string | undefined, Set<string>>();
  for (const [path, { imports }] of metafiles.flatMap(({ inputs }) => Object.entries(inputs))) {
    const from = urls.get(folderOfPackage(path) ?? '');
    for (const { path: imported } of imports) {
      const to = urls.get(folderOfPackage(imported) ?? '');
      if (to !== undefined && to !== from) uses.set(from, (uses.get(from) ?? new Set()).add(to));
    }
  }
  const packages = new Map<string, BundledPackage>();
  for (const [folder, url] of [...urls].toSorted(([, a], [, b]) => (a < b ? -1 : 1))) {
    const { name, version, license, homepage } = manifestIn(folder);
    const integrity = locked[relative(root, resolve(folder)).replaceAll('\\', '/')]?.integrity;
    packages.set(url, {
      name,
      version,
      licence: allowed(license, url),
      texts: licenceTexts(folder, url),
      ...(homepage !== undefined && { homepage }),
      ...(integrity !== undefined && { integrity }),
      uses: [...(uses.get(url) ?? [])].toSorted(),
    });
  }
  return { packages, direct: [...(uses.get(undefined) ?? [])].toSorted() };
}

/** https://github.com/package-url/purl-spec */
function urlOf({ name, version }: Manifest): string {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}

function inputsInBundle({ outputs }: Metafile): readonly string[] {
  return Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  );
}

function folderOfPackage(path: string): string | undefined {
  return /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0];
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: unknown;
  readonly homepage?: string;
}

function manifestIn(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

function lockedPackages(root: string): Readonly<Record<string, { readonly integrity?: string }>> {
  return JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
}

function allowed(licence: unknown, url: string): string {
  if (typeof licence === 'string' && LICENCES.has(licence)) return licence;
  throw new Error(`${url} would be bundled, and its licence is ${JSON.stringify(licence) ?? 'not said'}`);
}

function licenceTexts(folder: string, url: string): readonly string[] {
  const names = readdirSync(folder).filter((name) => /^(licen[cs]e|copying|notice)/i.test(name));
  if (names.every((name) => /^notice/i.test(name)))
    throw new Error(`${url} would be bundled, and has no file with its licence`);
  return names.toSorted().map((name) => readFileSync(join(folder, name), 'utf8').replaceAll('\r\n', '\n').trim());
}
