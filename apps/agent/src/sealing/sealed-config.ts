import { ConfigEditError, fileHolding, parseConfig, readConfigFiles, setValue } from '@hikyaku/config';
import type { Config, ConfigFile } from '@hikyaku/config';
import type { Edge } from '../edge.ts';
import { ConfigError } from '../load-config-file.ts';
import type { LoadConfigOptions } from '../load-config-file.ts';
import { ownNamespace } from '../own-namespace.ts';
import { AgentProviders } from '../plugins/agent-providers.ts';
import { UserError } from '../user-error.ts';
import type { FileChange } from './sealed-files.ts';

/** Sealed, as far as the grammar goes. */
const PLACEHOLDER = { sealed: '-----BEGIN AGE ENCRYPTED FILE-----' };

type Parse = (files: readonly ConfigFile[]) => Promise<Config>;

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

  /** Throws a ConfigError, but where all that is wrong stands in the place of one credential, which is to be replaced. */
  static async read(options: LoadConfigOptions, edge: Edge, replaced?: string): Promise<SealedConfig> {
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
      const name = replaced?.replace(/^(providers\.)?/, 'providers.');
      if (!(error instanceof ConfigError) || name === undefined) throw error;
      const { problems: wrong } = error;
      if (!wrong.every(({ path }) => path === name || path.startsWith(`${name}.`))) throw error;
      const broken = new Set(wrong.map(({ file }) => file));
      const change = (text: string) => setValue(text, name.split('.'), PLACEHOLDER);
      const mended = files.map(({ path, text }) => ({
        path,
        text: broken.has(path) ? changed(text, path, change) : text,
      }));
      return new SealedConfig(await parse(mended), files, parse, name);
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
