import { isIP } from 'node:net';
import { configFor } from '@hikyaku/config';
import type { Config, ConfigFiles } from '@hikyaku/config';
import { surroundsPod } from '../address-rules.ts';
import { needsOf } from '../grants/needs.ts';
import type { Needs } from '../grants/needs.ts';
import { plugInFiles } from '../grants/plug-in-files.ts';
import { UserError } from '../user-error.ts';
import { clusterGrants } from './cluster-grants.ts';
import type { ClusterGrants } from './cluster-grants.ts';
import { configTexts, mountedConfig } from './config-texts.ts';
import type { Destination, Install } from './install.ts';
import type { Settings } from './settings.ts';

export interface ConfigToInstall {
  /** `--config` */
  readonly path: string;
  readonly files: ConfigFiles;
  readonly config: Config;
  /** `--plugin` */
  readonly plugin?: readonly string[];
}

interface InstallOptions {
  readonly settings: Settings;
  readonly image: string;
  /** Those of {@link clusterGrants} by default. */
  readonly grants?: ClusterGrants;
}

/** Throws a ConfigError and a UserError. */
export async function installOf(
  { path, files, config: whole, plugin }: ConfigToInstall,
  { settings, image, grants: given }: InstallOptions,
): Promise<Install & { readonly needs: Needs }> {
  const config = forCluster(whole, settings.cluster);
  const needs = needsOf(config, path, await plugInFiles(config, path, plugin));
  const grants = given ?? (await clusterGrants(path, needs, settings));
  const texts = await configTexts(files, path, config, needs);
  return {
    settings,
    image,
    texts,
    mounted: mountedConfig(texts, path),
    grants: grants.text,
    restarts: grants.restarts,
    variables: variablesOf(config),
    destinations: destinationsOf(config),
    needs,
  };
}

function forCluster(config: Config, cluster: Settings['cluster']): Config {
  if (cluster === undefined || cluster === false) return config;
  if (config.recipients.get(cluster)?.backup === false) return configFor(config, cluster).config;
  throw new UserError(`${cluster} is no cluster under \`recipients:\` of the config`);
}

function variablesOf({ sources }: Config): readonly string[] {
  const references = [...sources.values()].flatMap(({ credentials }) => [...credentials.values()]);
  return [...new Set(references.flatMap((reference) => ('env' in reference ? [reference.env] : [])))].toSorted();
}

function destinationsOf({ sources }: Config): readonly Destination[] {
  const origins = [...sources.values()].flatMap(({ description }) => description.origins);
  const found = new Map<string, Destination>();
  for (const { hostname, protocol, port: given } of origins.map((origin) => new URL(origin))) {
    const port = given === '' ? (protocol === 'http:' ? 80 : 443) : Number(given);
    if (port === 443 || port === 6443) continue;
    const host = hostname.replaceAll(/^\[|\]$/g, '');
    if (surroundsPod(`${protocol}//${hostname}`)) continue;
    const destination = { ...(isIP(host) !== 0 && { address: host }), port };
    found.set(JSON.stringify(destination), destination);
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, destination]) => destination);
}
