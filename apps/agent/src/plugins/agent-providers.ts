import { createRequire, isBuiltin } from 'node:module';
import { dirname, resolve } from 'node:path';
import { formatGrantsWord, nearest, UnusableProviderError } from '@hikyaku/config';
import type { Grants, KnownProviders } from '@hikyaku/config';
import type { CallOptions, Provider } from '@hikyaku/core';
import type { Edge } from '../edge.ts';
import { isInPod } from '../in-pod.ts';
import { shellWord } from '../output/shell-word.ts';
import { builtInTypes, loadBuiltIn } from '../providers.ts';
import { formatOf, readPlugInFile, urlOf } from './plug-in-file.ts';
import { digestOf, plugInFlag, readPlugInFlags } from './plug-in-flag.ts';
import type { NamedPlugIn } from './plug-in-flag.ts';
import type { PlugIn, PlugInLoader } from './plug-in-loader.ts';
import { standInFor } from './stand-in.ts';

/** As the command line gives them. */
export interface PlugInOptions {
  /** Each `NAME=PATH@sha256-…`. */
  readonly plugin?: readonly string[];
  /** `false`: no code of plug-ins is run. */
  readonly plugins?: boolean;
  /** For who loads a config again and again: what was loaded stays the same. */
  readonly loadedPlugIns?: LoadedPlugIns;
}

/** Plug-ins that this process has loaded. */
export class LoadedPlugIns {
  #loader: Promise<PlugInLoader> | undefined;
  readonly #providers = new Map<string, Promise<Provider>>();

  async load(plugIn: PlugIn, options: CallOptions): Promise<Provider> {
    const id = JSON.stringify([plugIn.name, { ...plugIn.entry, source: undefined }]);
    const known = this.#providers.get(id);
    if (known !== undefined) return await known;
    this.#loader ??= import('./plug-in-loader.ts').then(({ PlugInLoader: Loader }) => new Loader());
    const loading = this.#loader.then((loader) => loader.load(plugIn, options));
    this.#providers.set(id, loading);
    loading.catch(() => this.#providers.delete(id));
    return await loading;
  }
}

/**
 * The built-in providers, and plug-ins: files that were named with their digest when the agent was started, in a pod those that
 * are granted with theirs, and, where the person's own file is trusted (not in a pod), paths and npm packages beside the config file.
 */
export class AgentProviders implements KnownProviders {
  readonly types: readonly string[];
  readonly #named: ReadonlyMap<string, NamedPlugIn>;
  readonly #granted: Grants['plugins'];
  readonly #inPod: boolean;
  readonly #runsPlugIns: boolean;
  readonly #signal: AbortSignal;
  readonly #loaded: LoadedPlugIns;

  /** Throws a UserError when a flag makes no sense. */
  constructor(
    { plugin = [], plugins = true, loadedPlugIns = new LoadedPlugIns() }: PlugInOptions,
    { env, signal }: Pick<Edge, 'env' | 'signal'>,
    granted: Grants['plugins'] = new Map(),
  ) {
    this.#named = readPlugInFlags(plugin);
    this.#granted = granted;
    this.types = [...builtInTypes, ...new Set([...this.#named.keys(), ...granted.keys()])];
    this.#inPod = isInPod({ env });
    this.#runsPlugIns = plugins;
    this.#signal = signal;
    this.#loaded = loadedPlugIns;
  }

  async load(type: string, { file }: { readonly file: string }): Promise<Provider | undefined> {
    const builtIn = await loadBuiltIn(type);
    if (builtIn !== undefined) return builtIn;
    const isMistyped = !this.#named.has(type) && !this.#granted.has(type) && nearest(type, this.types) !== undefined;
    if (!this.#runsPlugIns) return isMistyped ? undefined : standInFor(type);
    const plugIn = await this.#find(type, resolve(file));
    if (plugIn === undefined) {
      if (isMistyped) return undefined;
      throw new UnusableProviderError(...this.#unknown(type, file));
    }
    return await this.#loaded.load(plugIn, { signal: this.#signal });
  }

  async #find(type: string, configFile: string): Promise<PlugIn | undefined> {
    const named = this.#named.get(type);
    if (named !== undefined) return await checkedPlugIn(named, 'that was named when the agent was started');
    const grant = this.#granted.get(type);
    if (grant !== undefined) {
      const granted = { name: type, path: resolve(dirname(configFile), grant.path ?? type), digest: grant.digest };
      return await checkedPlugIn(granted, 'that is granted');
    }
    if (!/^\.{0,2}\//.test(type)) return this.#inPod ? undefined : packagePlugIn(type, configFile);
    const path = resolve(dirname(configFile), type);
    const bytes = await readPlugInFile(path);
    if (!this.#inPod) return { name: type, path, entry: { kind: 'file', url: urlOf(path), format: formatOf(path) } };
    throw new UnusableProviderError(
      `\`${type}\` is not loaded: in a pod only plug-ins run that are granted, or that were named when the agent was started, with their digest`,
      advice({ name: type, path, digest: digestOf(bytes) }, type),
    );
  }

  #unknown(type: string, configFile: string): [message: string, suggestion: string] {
    const builtIn = `built-in: ${builtInTypes.toSorted().join(', ')}`;
    if (this.#inPod) {
      return [
        `\`${type}\` is neither a built-in provider nor a plug-in that is granted or was named when the agent was started; ${builtIn}`,
        `grant it with its path and digest (docs/grants.md), or start the agent with --plugin ${shellWord(type)}=PATH@sha256-…; a package must be made one file for it: docs/add-a-provider.md`,
      ];
    }
    return [
      `\`${type}\` is neither a built-in provider nor an npm package that is installed beside ${configFile}; ${builtIn}`,
      `npm install ${shellWord(type)} there; a path begins with ./, ../ or /`,
    ];
  }
}

/** Rejects when the file is not the one that was named. */
async function checkedPlugIn({ name, path, digest }: NamedPlugIn, which: string): Promise<PlugIn> {
  // Read once: what was hashed is what runs.
  const source = await readPlugInFile(path);
  const found = digestOf(source);
  if (found === digest) {
    return { name, path, entry: { kind: 'bytes', url: `${urlOf(path)}?${digest}`, format: formatOf(path), source } };
  }
  throw new UnusableProviderError(
    `the plug-in \`${name}\` is not loaded: ${path} is not the file ${which}`,
    `find out who changed it; ${advice({ name, path, digest: found }, path)}`,
  );
}

/** How the file would be let run. `granted` is its path as a grant names it. */
function advice(plugIn: NamedPlugIn, granted: string): string {
  const { name, path, digest } = plugIn;
  const word = formatGrantsWord('plugins', { [name]: { ...(granted !== name && { path: granted }), digest } });
  return `when ${path} is what shall run, grant it in grants.yaml (${word}), or start the agent with ${plugInFlag(plugIn)}`;
}

/** `undefined` when it is not installed. */
function packagePlugIn(name: string, configFile: string): PlugIn | undefined {
  if (!/^(@[\w.~-]+\/)?[\w~-][\w.~-]*(\/[\w./-]+)?$/.test(name) || isBuiltin(name)) return undefined;
  try {
    createRequire(configFile).resolve(name);
  } catch (error) {
    // Any other error says that it is there; the import will tell what is wrong with it.
    if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND') return undefined;
  }
  return { name, path: name, entry: { kind: 'package', name, parentUrl: urlOf(configFile) } };
}
