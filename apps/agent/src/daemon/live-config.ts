import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { formatProblems } from '@hikyaku/config';
import type { ClusterConfig, ConfigFiles } from '@hikyaku/config';
import type { CallOptions, Logger } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import type { LastGoodConfig } from '@hikyaku/kubernetes';
import type { AgentConfig } from '../agent.ts';
import type { GrantedConfig } from '../grants/load-granted.ts';
import { ConfigError } from '../load-config-file.ts';
import { UserError } from '../user-error.ts';
import type { ConfigInput } from './config-input.ts';

export interface LiveConfigOptions {
  readonly input: ConfigInput;
  /** Where the last good one is kept for a restart; absent: a broken config is an error at the start. */
  readonly lastGood: LastGoodConfig | undefined;
  /** Makes a config of files, with what is granted now. Throws ConfigError and UserError for what a person has to mend. */
  readonly load: (files: ConfigFiles) => Promise<GrantedConfig>;
  /** The same config with what is granted now. */
  readonly grantAgain: (config: GrantedConfig['config']) => Promise<GrantedConfig>;
  /** What it says to this cluster. Throws a UserError as well. */
  readonly here: (config: GrantedConfig['config'], options: CallOptions) => Promise<Place>;
  readonly logger: Logger;
}

interface Place extends ClusterConfig {
  readonly cluster: string | undefined;
}

/** A config that is in force, in this cluster. */
export interface CurrentConfig extends AgentConfig {
  readonly cluster: string | undefined;
  /** Of its files. */
  readonly digest: string;
  /** Milliseconds of the wall clock. */
  readonly loadedAt: number;
  /** The same config without what is for other clusters only. */
  readonly whole: GrantedConfig['config'];
}

/** The config of a daemon over time. A bad one is refused, and the last good one goes on. */
export class LiveConfig {
  readonly #options: LiveConfigOptions;
  #current: CurrentConfig;
  /** What was tried last, so that the same is neither taken nor refused twice. */
  #tried: string;
  #problem: string | undefined;
  /** Good, and not kept for a restart yet. */
  #unkept: ConfigFiles | undefined;
  #changed = Promise.withResolvers<void>();
  #told = Promise.withResolvers<void>();

  /** Throws ConfigError, UserError, KubeError and, where the cluster cannot be known now, ProviderError. */
  static async open(options: LiveConfigOptions, { signal }: CallOptions): Promise<LiveConfig> {
    const files = await options.input.read({ signal });
    try {
      const current = await currentOf(files, options, { signal });
      const live = new LiveConfig(options, files, current);
      await live.#keep(files, { signal });
      return live;
    } catch (error) {
      if (!isPersonsMistake(error)) throw error;
      const kept = await options.lastGood?.read({ signal });
      if (kept === undefined) throw error;
      const current = await currentOf({ files: kept, problems: [] }, options, { signal }).catch((older: unknown) => {
        throw isPersonsMistake(older) ? error : older;
      });
      const live = new LiveConfig(options, files, current);
      live.#refuse(error);
      return live;
    }
  }

  private constructor(options: LiveConfigOptions, tried: ConfigFiles, current: CurrentConfig) {
    this.#options = options;
    this.#tried = JSON.stringify(tried);
    this.#current = current;
  }

  get current(): CurrentConfig {
    return this.#current;
  }

  /** Why the config that is there now is not the one in force; `undefined` when it is. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Resolves when another one is in force. */
  get changed(): Promise<void> {
    return this.#changed.promise;
  }

  /** Resolves when another one is in force, or when what is there is refused for another reason. */
  get told(): Promise<void> {
    return this.#told.promise;
  }

  /** Resolves when another one than this is in force, and when the signal aborts. */
  async untilOther(than: CurrentConfig, { signal }: CallOptions): Promise<void> {
    while (this.#current === than && !signal.aborted) {
      const { promise: over, resolve } = Promise.withResolvers<void>();
      const onAbort = () => resolve();
      signal.addEventListener('abort', onAbort, { once: true });
      await Promise.race([this.changed, over]);
      signal.removeEventListener('abort', onAbort);
    }
  }

  /**
   * Looks at what is there now. `granted`: it may have to be loaded otherwise than before, as the grants may have changed. Throws what keeps it from
   * looking, which is tried again: KubeError, ProviderError.
   */
  async look(options: CallOptions & { readonly granted?: boolean }): Promise<void> {
    const files = await this.#options.input.read(options);
    const text = JSON.stringify(files);
    const isTried = text === this.#tried;
    if (isTried && options.granted !== true) return;
    try {
      const current = await currentOf(files, this.#options, options);
      this.#tried = text;
      if (this.#problem !== undefined) this.#options.logger.info({}, 'config is good again');
      else if (isTried && isDeepStrictEqual(current.held, this.#current.held)) return;
      this.#problem = undefined;
      await this.#keep(files, options);
      this.#goBy(current);
    } catch (error) {
      if (!isPersonsMistake(error)) throw error;
      this.#tried = text;
      this.#refuse(error);
      if (options.granted === true) await this.#grantAgain();
    }
  }

  /** What is granted no more is not to be had for as long as the config stays broken. */
  async #grantAgain(): Promise<void> {
    const before = this.#current;
    const { held, limits } = await this.#options.grantAgain(before.whole);
    if (held === undefined || isDeepStrictEqual(held, before.held)) return;
    const plugIns = [...(before.held?.grants.plugins ?? [])];
    const gone = plugIns.filter(([name, { path, digest }]) => {
      const grant = held.grants.plugins.get(name);
      return grant?.path !== path || grant?.digest !== digest;
    });
    const withdrawnPlugIns = new Set([...(before.limits.withdrawnPlugIns ?? []), ...gone.map(([name]) => name)]);
    this.#goBy({ ...before, held, limits: { ...limits, ...(withdrawnPlugIns.size > 0 && { withdrawnPlugIns }) } });
  }

  #goBy(current: CurrentConfig): void {
    this.#current = current;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
    this.#tell();
  }

  #tell(): void {
    this.#told.resolve();
    this.#told = Promise.withResolvers();
  }

  #refuse(error: Error): void {
    const problem = error instanceof ConfigError ? formatProblems(error.problems) : error.message;
    if (problem === this.#problem) return;
    this.#options.logger.error({ problems: problem.split('\n') }, 'config refused: the last good one goes on');
    this.#problem = problem;
    this.#tell();
  }

  /**
   * Tries once more to keep what could not be kept. With an older one after a restart, what has come since would be taken for what nobody wants any
   * more. Not while it looks.
   */
  async keepAgain(options: CallOptions): Promise<void> {
    if (this.#unkept !== undefined) await this.#keep(this.#unkept, options);
  }

  /** That it cannot be kept is no reason not to go by it. */
  async #keep(good: ConfigFiles, options: CallOptions): Promise<void> {
    const { lastGood, logger } = this.#options;
    try {
      await lastGood?.keep(good.files, options);
      this.#unkept = undefined;
    } catch (error) {
      options.signal.throwIfAborted();
      if (!isKubeError(error)) throw error;
      if (this.#unkept === undefined) logger.warn({ error }, 'config not kept for a restart');
      this.#unkept = good;
    }
  }
}

async function currentOf(
  files: ConfigFiles,
  { load, here }: LiveConfigOptions,
  options: CallOptions,
): Promise<CurrentConfig> {
  const { config: whole, held, limits } = await load(files);
  const { config, undecided, cluster } = await here(whole, options);
  const digest = createHash('sha256').update(JSON.stringify(files.files.map(({ text }) => text)));
  const loaded = { digest: digest.digest('hex').slice(0, 16), loadedAt: Date.now() };
  return { whole, config, undecided, cluster, held, limits, ...loaded };
}

function isPersonsMistake(error: unknown): error is ConfigError | UserError {
  return error instanceof ConfigError || error instanceof UserError;
}
