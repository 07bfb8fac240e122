import { randomBytes, randomUUID } from 'node:crypto';
import type { JsonWebKey } from 'node:crypto';
import type { Clock } from '@hikyaku/core';
import { findKey, verifyToken } from '@hikyaku/provider-utils/testing';
import { environmentOf } from './fake-projects.ts';

export interface FakeToken {
  readonly key: string;
  readonly kind: 'service_token' | 'personal' | 'service_account' | 'service_account_identity';
  /** The only config that a service token opens. */
  readonly bound?: { readonly project: string; readonly config: string };
  readonly access: 'read' | 'read/write';
  /** Milliseconds since 1970. */
  readonly expiresAt?: number;
}

export interface FakeIdentity {
  readonly issuer: string;
  /** What the issuer's discovery document leads to: its public keys (JWKS). */
  readonly keys: readonly JsonWebKey[];
  readonly audience: string;
  readonly subject: string;
  /** Of the tokens given out; 600 000 by default. */
  readonly lifetimeMs?: number;
}

/** The tokens that the fake knows. */
export class FakeTokens {
  readonly #tokens = new Map<string, FakeToken>();
  readonly #identities = new Map<string, FakeIdentity>();
  readonly #ofIdentities: string[] = [];
  readonly #clock: Pick<Clock, 'now'>;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  serviceToken(
    project: string,
    config: string,
    { access = 'read', expiresAt }: Partial<Pick<FakeToken, 'access' | 'expiresAt'>> = {},
  ): string {
    const bound = { project, config };
    return this.#add(
      { kind: 'service_token', bound, access, ...(expiresAt !== undefined && { expiresAt }) },
      `dp.st.${environmentOf(config)}.`,
    );
  }

  personalToken(): string {
    return this.#add({ kind: 'personal', access: 'read/write' }, 'dp.pt.');
  }

  serviceAccountToken(): string {
    return this.#add({ kind: 'service_account', access: 'read/write' }, 'dp.sa.');
  }

  /** An identity's id. */
  addIdentity(identity: FakeIdentity): string {
    const id = randomUUID();
    this.#identities.set(id, identity);
    return id;
  }

  /** A `dp.said.` token for a JWT that fits the identity; `undefined` when it does not. */
  exchange(id: unknown, jwt: unknown): { readonly key: string; readonly expiresAt: number } | undefined {
    const identity = typeof id === 'string' ? this.#identities.get(id) : undefined;
    const claims = identity && verifyToken(jwt, (header) => findKey(identity.keys, header))?.claims;
    if (identity === undefined || claims === undefined) return undefined;
    const now = this.#clock.now() / 1000;
    const fits =
      claims.get('iss') === identity.issuer &&
      [claims.get('aud')].flat().includes(identity.audience) &&
      claims.get('sub') === identity.subject &&
      Number(claims.get('exp')) > now &&
      Number(claims.get('nbf') ?? 0) <= now + 30;
    if (!fits) return undefined;
    const expiresAt = this.#clock.now() + (identity.lifetimeMs ?? 600_000);
    return {
      key: this.#add({ kind: 'service_account_identity', access: 'read/write', expiresAt }, 'dp.said.'),
      expiresAt,
    };
  }

  /** Those of identities that were given out, oldest first. */
  get ofIdentities(): readonly string[] {
    return this.#ofIdentities;
  }

  /** Ends them. */
  revokeIdentities(): void {
    for (const key of this.#ofIdentities) this.#tokens.delete(key);
  }

  removeIdentity(id: string): void {
    this.#identities.delete(id);
  }

  /** Whether it was known. */
  revoke(key: string): boolean {
    return this.#tokens.delete(key);
  }

  /** The valid token of an `authorization` header: `Bearer <token>`, or Basic with the token as user and an empty password. */
  find(authorization: string | undefined): FakeToken | undefined {
    const [scheme, credentials = ''] = authorization?.split(' ') ?? [];
    const key =
      scheme?.toLowerCase() === 'basic'
        ? userOf(credentials)
        : scheme?.toLowerCase() === 'bearer'
          ? credentials
          : undefined;
    const token = key === undefined ? undefined : this.#tokens.get(key);
    return token?.expiresAt !== undefined && token.expiresAt <= this.#clock.now() ? undefined : token;
  }

  #add(token: Omit<FakeToken, 'key'>, prefix: string): string {
    const key = `${prefix}${randomBytes(20).toString('hex')}`;
    this.#tokens.set(key, { ...token, key });
    if (token.kind === 'service_account_identity') this.#ofIdentities.push(key);
    return key;
  }
}

function userOf(credentials: string): string | undefined {
  const [user, password] = Buffer.from(credentials, 'base64').toString().split(':');
  return password === '' ? user : undefined;
}
