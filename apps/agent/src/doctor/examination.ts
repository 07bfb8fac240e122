import { readConfigFiles } from '@hikyaku/config';
import type { Config, ConfigFiles } from '@hikyaku/config';
import { isProviderError } from '@hikyaku/core';
import type { CallOptions, Logger } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import type { KubeClient, KubeError } from '@hikyaku/kube-client';
import { OWN } from '@hikyaku/kubernetes';
import { openKube } from '../connect-cluster.ts';
import type { ConnectOptions } from '../connect-cluster.ts';
import { configMapInput } from '../daemon/config-input.ts';
import type { Edge } from '../edge.ts';
import { loadGranted } from '../grants/load-granted.ts';
import type { GrantedConfig } from '../grants/load-granted.ts';
import { here } from '../identity/here.ts';
import type { Here } from '../identity/here.ts';
import type { IdentityOptions } from '../identity/identity-options.ts';
import { personIdentity } from '../identity/open-identity.ts';
import { isInPod } from '../in-pod.ts';
import { ConfigError } from '../load-config-file.ts';
import { ownNamespace } from '../own-namespace.ts';
import type { PlugInOptions } from '../plugins/agent-providers.ts';
import { UserError } from '../user-error.ts';
import { commandLines } from './command-lines.ts';
import type { CommandLines } from './command-lines.ts';
import { DatesSeen } from './dates-seen.ts';

export interface DoctorOptions extends ConnectOptions, IdentityOptions, PlugInOptions {
  /** The config is taken out of the ConfigMap `hikyaku-config`. */
  readonly configMap?: boolean;
  /** Of each check, milliseconds. */
  readonly timeout: number;
}

/** The API server as it was reached, or why it was not. */
export type Reached =
  | { readonly client: KubeClient; readonly username: string }
  | { readonly client?: never; readonly problem: KubeError | UserError };

/** What several checks want to know of one cluster and its config; each is found out once, by who asks first. */
export class Examination implements AsyncDisposable {
  readonly options: DoctorOptions;
  readonly edge: Edge;
  readonly logger: Logger;
  /** The agent's id. */
  readonly agent: string;
  /** As a person names it. */
  readonly cluster: string;
  readonly lines: CommandLines;
  readonly inPod: boolean;
  readonly dates = new DatesSeen();
  readonly #opened: KubeClient | UserError;
  #reached: Promise<Reached> | undefined;
  #granted: Promise<GrantedConfig | ConfigError | undefined> | undefined;
  #here: Promise<Here | UserError | undefined> | undefined;

  constructor(options: DoctorOptions, edge: Edge, logger: Logger) {
    this.options = options;
    this.edge = edge;
    this.logger = logger;
    this.agent = ownNamespace(options, edge);
    this.inPod = isInPod(edge);
    const isDefaultConfig = options.configMap === true || options.config === 'hikyaku.yaml';
    this.lines = commandLines(options, { isDefaultConfig });
    try {
      const { loaded, client } = openKube(options, edge);
      this.cluster = loaded.inCluster ? 'this cluster' : loaded.context;
      this.#opened = client;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      this.cluster = options.context ?? 'no cluster';
      this.#opened = error;
    }
  }

  async reached(options: CallOptions): Promise<Reached> {
    return await (this.#reached ??= this.#reach(options));
  }

  /** `undefined` where there is no API server; its own check says why. */
  async client(options: CallOptions): Promise<KubeClient | undefined> {
    return (await this.reached(options)).client;
  }

  /** Also one that leads nowhere: what can do without it does. Throws a UserError where the kubeconfig names none. */
  get anyClient(): KubeClient {
    if (this.#opened instanceof UserError) throw this.#opened;
    return this.#opened;
  }

  /** Whether the requests have the agent's own rights. */
  async isAgent(options: CallOptions): Promise<boolean> {
    const reached = await this.reached(options);
    return reached.client !== undefined && reached.username === this.username;
  }

  /** Of the agent's ServiceAccount. */
  get username(): string {
    return `system:serviceaccount:${this.agent}:${OWN.serviceAccount}`;
  }

  /** The texts of the config. */
  async files(options: CallOptions): Promise<ConfigFiles | undefined> {
    if (this.options.configMap !== true) return await readConfigFiles(this.options.config);
    const client = await this.client(options);
    if (client === undefined) return undefined;
    return await configMapInput(client, { namespace: this.agent, name: OWN.config, folder: MOUNTED }).read(options);
  }

  /** `undefined` where the API server had to be asked and could not be. */
  async granted(options: CallOptions): Promise<GrantedConfig | ConfigError | undefined> {
    return await (this.#granted ??= this.#load(options));
  }

  /** The whole config, where it is good. */
  async config(options: CallOptions): Promise<Config | undefined> {
    const granted = await this.granted(options);
    return granted instanceof ConfigError ? undefined : granted?.config;
  }

  /** What of the config is for this cluster, and what opens what is sealed; or why that cannot be told. */
  async here(options: CallOptions): Promise<Here | UserError | undefined> {
    return await (this.#here ??= this.#findHere(options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dates[Symbol.dispose]();
    if (!(this.#opened instanceof UserError)) await this.#opened.close();
  }

  async #reach(options: CallOptions): Promise<Reached> {
    const client = this.#opened;
    if (client instanceof UserError) return { problem: client };
    try {
      const { username } = await client.selfSubjectReview(options);
      return { client, username };
    } catch (error) {
      options.signal.throwIfAborted();
      if (isKubeError(error)) return { problem: error };
      throw error;
    }
  }

  async #load(options: CallOptions): Promise<GrantedConfig | ConfigError | undefined> {
    const files = await this.files(options);
    if (files === undefined) return undefined;
    const config = this.options.configMap === true ? `${MOUNTED}/hikyaku.yaml` : this.options.config;
    try {
      return await loadGranted({ ...this.options, config }, { ...this.edge, ...options }, this.logger, files);
    } catch (error) {
      if (error instanceof ConfigError) return error;
      if (isKubeError(error)) return undefined;
      throw error;
    }
  }

  async #findHere(options: CallOptions): Promise<Here | UserError | undefined> {
    const config = await this.config(options);
    if (config === undefined) return undefined;
    const client = await this.client(options);
    const identity = personIdentity(this.options, {
      config,
      client: () => {
        if (client === undefined) throw new UserError('the API server cannot be asked');
        return client;
      },
      access: { agent: this.agent, proof: 'look' },
      edge: this.edge,
    });
    try {
      return await here(config, identity, options);
    } catch (error) {
      options.signal.throwIfAborted();
      if (error instanceof UserError) return error;
      if (isProviderError(error)) return new UserError(error.message);
      throw error;
    }
  }
}

/** Where paths of that ConfigMap begin, as for `run --config-map`. */
const MOUNTED = '/etc/hikyaku';
