import { rm } from 'node:fs/promises';
import { apiRequest } from './api-request.ts';
import {
  type ClusterPaths,
  type ClusterPorts,
  choosePorts,
  clusterPaths,
  ensureCredentials,
  extractAuthority,
  writeAuditPolicy,
} from './cluster-files.ts';
import type { DevCluster } from './dev-cluster.ts';
import { apiServerArguments, auditArguments, controllerManagerArguments, etcdArguments } from './server-arguments.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';
import type { ServerPrograms } from './server-programs.ts';
import { waitUntil } from './wait-until.ts';
import { writeKubeconfig } from './write-kubeconfig.ts';

export interface OwnClusterOptions {
  readonly programs: ServerPrograms;
  readonly directory: string;
  readonly removeDirectory: boolean;
  /** Whose requests are written down. */
  readonly audit?: string | undefined;
  readonly log?: ((line: string) => void) | undefined;
  readonly onFailure?: ((error: Error) => void) | undefined;
}

const readyLimitMs = 60_000;
const portAttempts = 3;

/** A cluster of our own processes. `start` must have succeeded before its other members are used. */
export class OwnCluster implements DevCluster {
  readonly ownsServer = true;
  readonly #options: OwnClusterOptions;
  readonly #paths: ClusterPaths;
  #ports: ClusterPorts = { etcd: 0, apiServer: 0 };
  #adminToken = '';
  /** In the order in which they were started. */
  #processes: readonly ServerProcess[] = [];

  constructor(options: OwnClusterOptions) {
    this.#options = options;
    this.#paths = clusterPaths(options.directory);
  }

  get kubeconfig(): string {
    return this.#paths.kubeconfig;
  }

  get url(): string {
    return `https://127.0.0.1:${this.#ports.apiServer}`;
  }

  get caPath(): string {
    return this.#paths.ca;
  }

  get adminToken(): string {
    return this.#adminToken;
  }

  async start(signal?: AbortSignal): Promise<void> {
    this.#adminToken = await ensureCredentials(this.#paths);
    for (let attempt = 1; ; attempt++) {
      this.#ports = await choosePorts(this.#paths);
      try {
        return await this.#launch(signal);
      } catch (error) {
        // Between choosing a port and listening on it another process may take it.
        const portTaken = error instanceof Error && error.message.includes('address already in use');
        if (!portTaken || attempt === portAttempts) throw error;
      }
    }
  }

  async stop(): Promise<void> {
    await this.#endAll();
    if (this.#options.removeDirectory) await rm(this.#paths.directory, { recursive: true, force: true, maxRetries: 3 });
  }

  async kill(): Promise<void> {
    const processes = this.#processes;
    this.#processes = [];
    await Promise.all(processes.map((process) => process.kill()));
  }

  async restart(): Promise<void> {
    await this.#endAll();
    await this.#launch();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #endAll(): Promise<void> {
    const processes = this.#processes;
    this.#processes = [];
    // The last started first: an API server cannot end in order without its etcd.
    for (const process of processes.toReversed()) await process.stop();
  }

  async #launch(signal?: AbortSignal): Promise<void> {
    const { programs, log, onFailure, audit } = this.#options;
    try {
      await this.#add('etcd', programs.etcd, etcdArguments(this.#paths, this.#ports));
      if (audit !== undefined) await writeAuditPolicy(this.#paths, audit);
      await this.#add('kube-apiserver', programs.apiServer, [
        ...apiServerArguments(this.#paths, this.#ports),
        ...(audit === undefined ? [] : auditArguments(this.#paths)),
      ]);
      await this.#until(
        'the API server is ready',
        async () => (await this.#get('/readyz')) && (await this.#get('/api/v1/namespaces/default')),
        signal,
      );
      await writeKubeconfig(this.kubeconfig, {
        url: this.url,
        caPath: this.caPath,
        user: 'admin',
        token: this.#adminToken,
        namespace: 'default',
      });
      if (programs.controllerManager !== undefined) {
        await this.#add('kube-controller-manager', programs.controllerManager, controllerManagerArguments(this.#paths));
        await this.#until(
          'the controllers work',
          () => this.#get('/api/v1/namespaces/default/serviceaccounts/default'),
          signal,
        );
      }
    } catch (error) {
      await this.kill();
      throw error;
    }
    log?.(`the API server is ready at ${this.url}`);
    for (const process of this.#processes) void this.#reportUnexpectedEnd(process, onFailure);
  }

  async #reportUnexpectedEnd(process: ServerProcess, onFailure: OwnClusterOptions['onFailure']): Promise<void> {
    const how = await process.ended;
    // A process that was told to end is no longer among them.
    if (!this.#processes.includes(process)) return;
    onFailure?.(new Error(`a server of the dev cluster ${how}; ${await process.logTail()}`));
  }

  async #add(name: string, program: ServerPrograms['etcd'], programArguments: readonly string[]): Promise<void> {
    this.#options.log?.(`starting ${name}`);
    const process = await startServerProcess({
      program,
      programArguments,
      logPath: `${this.#paths.directory}/${name}.log`,
      stopLimitMs: 5000,
    });
    this.#processes = [...this.#processes, process];
  }

  async #until(claim: string, isTrue: () => Promise<boolean>, signal: AbortSignal | undefined): Promise<void> {
    const anEnd = () => this.#processes.find((process) => process.hasEnded);
    const decided = await waitUntil(async () => anEnd() !== undefined || (await isTrue()), {
      limitMs: readyLimitMs,
      signal,
    });
    const ended = anEnd();
    if (ended !== undefined)
      throw new Error(`The dev cluster did not start: a server ${await ended.ended}.\n${await ended.logTail()}`);
    if (decided) return;
    const tails = await Promise.all(this.#processes.map((process) => process.logTail()));
    throw new Error(
      `The dev cluster did not start: after ${readyLimitMs / 1000} s it was not so that ${claim}.\n${tails.join('\n')}`,
    );
  }

  async #get(path: string): Promise<boolean> {
    const ca = await extractAuthority(this.#paths);
    if (ca === undefined) return false;
    const { status } = await apiRequest({ url: this.url, ca, token: this.#adminToken }, { path });
    return status === 200;
  }
}
