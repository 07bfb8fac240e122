import { isNoticeCredential, nearest, noticeCredentials } from '@hikyaku/config';
import type { Config, CredentialReference, SealedReference, SourceConfig } from '@hikyaku/config';
import { printable } from '../output/printable.ts';
import { shellWord } from '../output/shell-word.ts';
import { UserError } from '../user-error.ts';

/** A credential of a source, whether the config says where it is kept or not. */
export interface CredentialPlace {
  /** As people name it: `providers.doppler.token`. */
  readonly name: string;
  readonly source: SourceConfig;
  /** As the provider names it: `headers.X-Api-Key`. */
  readonly field: string;
  /** From the root of the file. */
  readonly path: readonly string[];
  readonly reference: CredentialReference | undefined;
}

/** One sealed value of the config. */
export interface SealedField {
  /** As people name it: `providers.doppler.token`, `providers.doppler.token.perCluster.home`. */
  readonly name: string;
  readonly source: SourceConfig;
  readonly field: string;
  /** Of the mapping that holds `sealed`, from the root of the file. */
  readonly path: readonly string[];
  /** The only cluster that it is for. */
  readonly cluster?: string;
  readonly sealed: SealedReference;
}

/** All sealed values, in the order of the config. */
export function sealedFields(config: Config): readonly SealedField[] {
  return [...config.sources.values()].flatMap((source) =>
    [...source.credentials].flatMap(([field, reference]) => sealedAt(placeOf(source, field, reference))),
  );
}

/** The sealed values of one credential. */
export function sealedAt({ name, source, field, path, reference }: CredentialPlace): readonly SealedField[] {
  if (reference === undefined) return [];
  if ('sealed' in reference) return [{ name, source, field, path, sealed: reference.sealed }];
  if (!('perCluster' in reference)) return [];
  return [...reference.perCluster].map(([cluster, sealed]) => ({
    name: `${name}.perCluster.${cluster}`,
    source,
    field,
    path: [...path, 'perCluster', cluster],
    cluster,
    sealed,
  }));
}

/** What a person names: a credential, and one cluster's own where they say so. Throws a UserError. */
export function findCredential(
  config: Config,
  text: string,
  options: { readonly cluster?: string; readonly config: string },
): CredentialPlace & { readonly cluster?: string } {
  const [source, rest] = findSource(config, text, options.config);
  const own = /^(?<field>.+)\.perCluster\.(?<cluster>[^.]+)$/.exec(rest)?.groups;
  const field = own?.['field'] ?? rest;
  const cluster = options.cluster ?? own?.['cluster'];
  if (!source.credentials.has(field) && !isCredential(source, field)) throw noCredential(source, field);
  const place = placeOf(source, field, source.credentials.get(field));
  return { ...place, ...(cluster !== undefined && { cluster }) };
}

/** The sealed values that people name; all of them when they name none. Throws a UserError. */
export function findSealed(config: Config, texts: readonly string[], configPath: string): readonly SealedField[] {
  const all = sealedFields(config);
  if (texts.length === 0) return all;
  const found = texts.flatMap((text) => {
    const place = findCredential(config, text, { config: configPath });
    const values = sealedAt(place).filter(({ cluster }) => place.cluster === undefined || place.cluster === cluster);
    if (values.length === 0) throw notSealed(place, place.cluster);
    return values;
  });
  const names = new Set(found.map(({ name }) => name));
  return all.filter(({ name }) => names.has(name));
}

function notSealed({ name, reference }: CredentialPlace, cluster: string | undefined): UserError {
  if (cluster !== undefined && reference !== undefined && 'perCluster' in reference) {
    const clusters = [...reference.perCluster.keys()].join(', ');
    return new UserError(`${name} has no value of its own for ${printable(cluster)}; it has: ${clusters}`);
  }
  const kept = reference === undefined ? 'not set' : `kept elsewhere (${Object.keys(reference).join()})`;
  return new UserError(`${name} is not sealed: it is ${kept}; hikyaku seal ${shellWord(name)} seals a value there`);
}

function placeOf(source: SourceConfig, field: string, reference: CredentialReference | undefined): CredentialPlace {
  const path = ['providers', source.name, ...partsOf(source, field)];
  return { name: `providers.${source.name}.${field}`, source, field, path, reference };
}

/** The keys of a field. What a `*` stands for may have dots of its own. */
function partsOf({ provider }: SourceConfig, field: string): readonly string[] {
  const pattern = provider.credentials?.find(({ path }) => matches(path, field))?.path;
  const end = pattern?.indexOf('*') ?? -1;
  if (pattern === undefined || end === -1) return field.split('.');
  return [...pattern.slice(0, end).split('.').filter(Boolean), field.slice(end)];
}

function matches(pattern: string, field: string): boolean {
  return pattern.endsWith('.*')
    ? field.startsWith(pattern.slice(0, -1)) && field.length > pattern.length - 1
    : pattern === field;
}

function isCredential({ provider }: SourceConfig, field: string): boolean {
  return isNoticeCredential(field) || (provider.credentials?.some(({ path }) => matches(path, field)) ?? false);
}

/** The source, and what stands behind its name. */
function findSource(config: Config, text: string, configPath: string): readonly [SourceConfig, string] {
  const short = text.startsWith('providers.') ? text.slice('providers.'.length) : text;
  for (const candidate of [short, text]) {
    const dot = candidate.indexOf('.');
    const source = dot > 0 ? config.sources.get(candidate.slice(0, dot)) : undefined;
    if (source !== undefined) return [source, candidate.slice(dot + 1)];
  }
  const [name = ''] = short.split('.');
  const known = [...config.sources.keys()];
  // Whoever puts the value in the place of the path is not to find it in a log.
  if (!short.includes('.') && !config.sources.has(short))
    throw new UserError(`a credential is named by its place, such as providers.${known[0] ?? 'doppler'}.token`);
  if (config.sources.has(name)) throw noCredential(config.sources.get(name), '');
  const near = nearest(name, known);
  const hint = near === undefined ? `there are: ${known.join(', ') || 'none'}` : `did you mean ${near}?`;
  throw new UserError(`there is no source ${shown(name)} in ${configPath}; ${hint}`);
}

function noCredential(source: SourceConfig | undefined, field: string): UserError {
  const name = source?.name ?? '';
  const patterns = source?.provider.credentials?.map(({ path }) => path) ?? [];
  const names = patterns.map((pattern) => `${name}.${pattern.replace('*', 'NAME')}`);
  const known = new Set([
    ...patterns.filter((pattern) => !pattern.includes('*')),
    ...(source?.credentials.keys() ?? []),
    ...noticeCredentials,
  ]);
  const near = nearest(field, known);
  const hint = near === undefined ? `it has: ${names.join(', ') || 'none'}` : `did you mean ${name}.${near}?`;
  return new UserError(
    field === ''
      ? `which credential of ${name}? It has: ${names.join(', ') || 'none'}`
      : `${name} has no credential ${shown(field)}; ${hint}`,
  );
}

function shown(text: string): string {
  return text.length > 60 ? 'of that name' : printable(text);
}
