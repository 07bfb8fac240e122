import { ConfigEditError, fileHolding, parseConfig, readConfigFiles, setValue } from '@hikyaku/config';
import type { Config, ConfigFile, EditValue } from '@hikyaku/config';
import type { Edge } from '../edge.ts';
import { ConfigError } from '../load-config-file.ts';
import type { LoadConfigOptions } from '../load-config-file.ts';
import { ownNamespace } from '../own-namespace.ts';
import { AgentProviders } from '../plugins/agent-providers.ts';
import { UserError } from '../user-error.ts';
import type { FileChange } from './sealed-files.ts';

/** Sealed, as far as the grammar goes. */
const PLACEHOLDER = { sealed: '-----BEGIN AGE ENCRYPTED FILE-----' };

/** The path of a problem. */
const NAMES_A_CLUSTER = /\.clusters\[\d+\]$|\.perCluster\./;

type Parse = (files: readonly ConfigFile[]) => Promise<Config>;

/** What may be wrong with the config, as the command puts it right. */
export interface Mending {
  /** A credential, as a person names it: what stands there may be none. */
  readonly replacing?: string;
  /** A recipient that may be named already, as by `clusters`, and not be there yet. */
  readonly adding?: string;
}

/** A config with the texts that it was read from, which can be changed; nothing is written. */
export class SealedConfig {
  readonly config: Config;
  readonly #files: readonly ConfigFile[];
  readonly #parse: Parse;

  /** The credential in whose place something stood that is none, such as the value itself: the config has it as sealed, and empty. */
  readonly mended: string | undefined;

  private constructor(config: Config, files: readonly ConfigFile[], parse: Parse, mended?: string) {
    this.config = config;
    this.#files = files;
    this.#parse = parse;
    this.mended = mended;
  }

  /** Throws a ConfigError, with what the command does not put right. */
  static async read(options: LoadConfigOptions, edge: Edge, mending: Mending = {}): Promise<SealedConfig> {
    const { files, problems } = await readConfigFiles(options.config);
    if (problems.length > 0) throw new ConfigError(problems);
    async function parse(texts: readonly ConfigFile[]): Promise<Config> {
      const providers = new AgentProviders(options, edge);
      const result = await parseConfig(texts, { providers, agentNamespace: ownNamespace(options, edge) });
      if (!result.ok) throw new ConfigError(result.problems);
      return result.config;
    }
    try {
      return new SealedConfig(await parse(files), files, parse);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const { replacing, adding } = mending;
      const name = replacing?.replace(/^(providers\.)?/, 'providers.');
      if (name !== undefined && error.problems.every(({ path }) => path === name || path.startsWith(`${name}.`))) {
        const broken = new Set(error.problems.map(({ file }) => file));
        const mended = withValue(files, (path) => broken.has(path), name.split('.'), PLACEHOLDER);
        return new SealedConfig(await parse(mended), files, parse, name);
      }
      if (adding === undefined || !error.problems.some(({ path }) => NAMES_A_CLUSTER.test(path))) throw error;
      const file = fileHolding(files, ['recipients'])?.path;
      const mended = withValue(files, (path) => path === file, ['recipients', adding], { keys: [] });
      return new SealedConfig(await parse(mended), files, parse);
    }
  }

  /** The file where new recipients belong: where some stand already, else where the sources do. */
  get recipientsFile(): string {
    return fileHolding(this.#files, ['recipients'])?.path ?? '';
  }

  /** Makes the changes one after the other. Throws a UserError where one cannot be made, a ConfigError where they come to a config that is not good. */
  async with(edits: readonly ConfigEdit[]): Promise<SealedConfig> {
    const files = this.#files.map(({ path, text }) => ({
      path,
      text: edits.reduce((before, { file, change }) => (file === path ? changed(before, path, change) : before), text),
    }));
    return new SealedConfig(await this.#parse(files), files, this.#parse);
  }

  /** What is to be written, to have the other one. */
  changesTo(other: SealedConfig): readonly FileChange[] {
    return this.#files.flatMap(({ path, text: before }) => {
      const after = other.#files.find((file) => file.path === path)?.text;
      return after === undefined || after === before ? [] : [{ path, before, after }];
    });
  }
}

function withValue(
  files: readonly ConfigFile[],
  isMeant: (path: string) => boolean,
  path: readonly string[],
  value: EditValue,
): readonly ConfigFile[] {
  const change = (text: string) => setValue(text, path, value);
  return files.map((file) => (isMeant(file.path) ? { ...file, text: changed(file.text, file.path, change) } : file));
}

function changed(text: string, path: string, change: ConfigEdit['change']): string {
  try {
    return change(text);
  } catch (error) {
    if (error instanceof ConfigEditError) throw new UserError(`${path}: ${error.message}; nothing was written`);
    throw error;
  }
}

/** A change of one file's text. */
export interface ConfigEdit {
  readonly file: string;
  readonly change: (text: string) => string;
}
