import { isProviderError, ProviderError } from '@hikyaku/core';
import type { CallOptions, Clock, ProviderContext, SecretValue } from '@hikyaku/core';
import { connectKube, kubeConfigFromText, KubeConfigError } from '@hikyaku/kube-client';
import type { KubeClient } from '@hikyaku/kube-client';
import type { Cluster } from './cluster.ts';
import { serverAddress } from './kubernetes-config.ts';
import type { KubernetesConfig } from './kubernetes-config.ts';

const KUBECONFIG = 'kubeconfig';
const TIMEOUT_MS = 10_000;
/** A Secret is at most 1 MiB, a third more in base64, and its metadata. */
const MAX_BYTES = 4 * 1024 * 1024;

type Options = CallOptions & { readonly refused?: SecretValue };

/** Another cluster, by a kubeconfig out of a credential, over the connections that the agent allows. */
export class OtherCluster implements Cluster {
  readonly name: string;
  readonly credentialAdvice =
    'What `kubeconfig` points to has been revoked or has expired: make a new token and put it there';
  readonly #config: KubernetesConfig;
  readonly #context: ProviderContext;
  #open: { readonly kubeconfig: SecretValue; readonly client: KubeClient } | undefined;

  constructor(server: string, config: KubernetesConfig, context: ProviderContext) {
    this.name = serverAddress(server);
    this.#config = config;
    this.#context = context;
  }

  async client({ signal }: CallOptions): Promise<KubeClient> {
    return await this.#clientWith({ signal });
  }

  async renewed(refused: KubeClient, { signal }: CallOptions): Promise<KubeClient | undefined> {
    const before = this.#open;
    // Another call was faster.
    if (before === undefined || before.client !== refused) return await this.client({ signal });
    const client = await this.#clientWith({ signal, refused: before.kubeconfig });
    return client === refused ? undefined : client;
  }

  async #clientWith(options: Options): Promise<KubeClient> {
    const kubeconfig = await this.#context.credential(KUBECONFIG, options);
    if (this.#open === undefined || !this.#open.kubeconfig.equals(kubeconfig)) {
      this.#open = { kubeconfig, client: this.#connect(kubeconfig) };
    }
    return this.#open.client;
  }

  #connect(kubeconfig: SecretValue): KubeClient {
    const { context } = this.#config;
    const { clock } = this.#context;
    try {
      const client = connectKube(kubeConfigFromText(kubeconfig.text() ?? '', { context }), {
        maxBytes: MAX_BYTES,
        timeoutMs: TIMEOUT_MS,
        now: () => clock.monotonic(),
        startTimer: (ms, onTime) => startTimer(clock, ms, onTime),
        outside: {
          dispatcher: (tls, purpose) => this.#context.dispatcherFor(tls, { longLived: purpose === 'watch' }),
          isOwnError: isProviderError,
        },
      });
      const server = serverAddress(client.server);
      if (server === this.name) return client;
      throw new ProviderError(
        'INVALID_CONFIG',
        `\`server\` is ${this.name}, but the kubeconfig says ${server}: write \`server: ${server}\`, or correct the kubeconfig`,
      );
    } catch (error) {
      if (!(error instanceof KubeConfigError)) throw error;
      throw new ProviderError('INVALID_CONFIG', `what \`kubeconfig\` points to cannot be used: ${error.message}`);
    }
  }
}

function startTimer(clock: Clock, ms: number, onTime: () => void): () => void {
  const stop = new AbortController();
  clock.sleep(ms, { signal: stop.signal }).then(onTime, () => {}); // stopped in time
  return () => stop.abort();
}
