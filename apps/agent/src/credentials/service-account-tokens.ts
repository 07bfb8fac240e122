import { ProviderError, SecretValue } from '@hikyaku/core';
import type { CallOptions, Clock } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import type { KubeClient, KubeError, KubeErrorCode, TokenRequest } from '@hikyaku/kube-client';
import { OWN } from '@hikyaku/kubernetes';
import { AccessTokens } from '@hikyaku/provider-utils';
import type { AccessToken } from '@hikyaku/provider-utils';

export interface ServiceAccountTokensOptions {
  readonly client: KubeClient;
  /** Where the agent lives. */
  readonly namespace: string;
  readonly clock: Clock;
}

/** The policy hikyaku-own-tokens lets no token live longer. */
const LIFETIME_S = 3600;
/** The least that Kubernetes gives out. */
const SHORTEST_S = 600;
const MISSING_RIGHTS: ReadonlySet<KubeErrorCode> = new Set(['FORBIDDEN', 'NOT_FOUND', 'INVALID']);
const POD = 'authentication.kubernetes.io/pod-';

interface Token extends AccessToken {
  readonly value: SecretValue;
}

/** Whose tokens we can have, and the Pod that they must end with. */
interface Account {
  readonly namespace: string;
  readonly name: string;
  readonly pod?: TokenRequest['pod'];
}

/**
 * Tokens of the agent's ServiceAccount, one per audience, each until shortly before it expires. In a cluster it is the account that we are; a
 * person who may ask for tokens of the agent's account gets those, so that a command on a laptop sees what the agent sees.
 */
export class ServiceAccountTokens {
  readonly #options: ServiceAccountTokensOptions;
  readonly #byAudience = new Map<string, { readonly tokens: AccessTokens<Token>; last?: Token }>();

  constructor(options: ServiceAccountTokensOptions) {
    this.#options = options;
  }

  /** Another one than `refused`. Rejects with a ProviderError. */
  async get(
    audience: string,
    { signal, refused }: CallOptions & { readonly refused?: SecretValue },
  ): Promise<SecretValue> {
    let known = this.#byAudience.get(audience);
    if (known === undefined) {
      const request = (options: CallOptions): Promise<Token> => this.#request(audience, options);
      known = { tokens: new AccessTokens<Token>({ clock: this.#options.clock, request }) };
      this.#byAudience.set(audience, known);
    }
    const { tokens, last } = known;
    const isLast = last !== undefined && refused?.equals(last.value) === true;
    const token = await tokens.get({ signal, ...(isLast && { refused: last }) });
    known.last = token;
    return token.value;
  }

  async #request(audience: string, { signal }: CallOptions): Promise<Token> {
    const { client } = this.#options;
    try {
      const { namespace, name, pod } = await this.#account({ signal });
      const ask = (audiences: readonly string[], expirationSeconds: number) =>
        client.serviceAccountToken(namespace, name, { audiences, expirationSeconds, pod }, { signal });
      // A token that the API server takes would be as good as the agent itself.
      const { token: ofApiServer, audiences } = await ask([], SHORTEST_S);
      if ([...audiences, ...claimsOf(ofApiServer).audiences].includes(audience))
        throw refusal(audience, 'is what the API server itself accepts: such a token is never sent anywhere else');
      const { token } = await ask([audience], LIFETIME_S);
      const claims = claimsOf(token);
      if (claims.audiences.join(' ') !== audience)
        throw refusal(audience, 'is not the only one of the token that the API server gave out');
      return { text: token, value: SecretValue.of(token), lifetimeMs: claims.lifetimeMs };
    } catch (error) {
      signal.throwIfAborted();
      if (!isKubeError(error)) throw error;
      throw this.#failure(audience, error);
    }
  }

  #failure(audience: string, error: KubeError): ProviderError {
    const what = `there is no token of the agent's ServiceAccount for ${audience}: ${error.message}`;
    if (!MISSING_RIGHTS.has(error.code)) return new ProviderError('UNAVAILABLE', what);
    return new ProviderError(
      'INVALID_CONFIG',
      `${what}. In the cluster, deploy/rights-own.yaml lets the agent ask for it; elsewhere it takes your own right to create serviceaccounts/token of ${this.#options.namespace}/${OWN.serviceAccount}`,
    );
  }

  async #account({ signal }: CallOptions): Promise<Account> {
    const { client, namespace } = this.#options;
    const { username, extra } = await client.selfSubjectReview({ signal });
    const [, ownNamespace, ownName] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(username) ?? [];
    if (ownNamespace === undefined || ownName === undefined) return { namespace, name: OWN.serviceAccount };
    const [podName] = extra[`${POD}name`] ?? [];
    const [uid] = extra[`${POD}uid`] ?? [];
    return { namespace: ownNamespace, name: ownName, ...(podName !== undefined && { pod: { name: podName, uid } }) };
  }
}

interface Claims {
  readonly audiences: readonly string[];
  readonly lifetimeMs: number;
}

/** What a token of the API server says; it comes from there, so no signature is checked. */
function claimsOf(token: string): Claims {
  let claims: unknown;
  try {
    claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  } catch {
    claims = undefined;
  }
  const { aud, iat, exp } = typeof claims === 'object' && claims !== null ? { ...NO_CLAIMS, ...claims } : NO_CLAIMS;
  return {
    audiences: [aud].flat().filter((audience) => typeof audience === 'string'),
    // Both by the API server's clock: ours may differ.
    lifetimeMs: typeof iat === 'number' && typeof exp === 'number' ? Math.max(0, exp - iat) * 1_000 : 0,
  };
}

const NO_CLAIMS: { readonly aud?: unknown; readonly iat?: unknown; readonly exp?: unknown } = {};

function refusal(audience: string, why: string): ProviderError {
  return new ProviderError('INVALID_CONFIG', `a token for the audience ${audience} is refused: it ${why}`);
}
