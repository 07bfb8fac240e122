import { randomBytes, randomUUID } from 'node:crypto';
import type { Clock } from '@hikyaku/core';
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
  readonly audience: string;
  /** Any, when absent. */
  readonly subject?: string;
  /** Of the tokens given out; 600 000 by default. */
  readonly lifetimeMs?: number;
}

/** The tokens that the fake knows. */
export class FakeTokens {
  readonly #tokens = new Map<string, FakeToken>();
  readonly #identities = new Map<string, FakeIdentity>();
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

  /** A `dp.said.` token for a JWT that fits the identity; `undefined` when it does not. The JWT's signature is not looked at. */
  exchange(id: unknown, jwt: unknown): { readonly key: string; readonly expiresAt: number } | undefined {
    const identity = typeof id === 'string' ? this.#identities.get(id) : undefined;
    const claims = typeof jwt === 'string' ? claimsOf(jwt) : undefined;
    if (identity === undefined || claims === undefined) return undefined;
    const fits =
      [claims.get('aud')].flat().includes(identity.audience) &&
      (identity.subject === undefined || claims.get('sub') === identity.subject) &&
      Number(claims.get('exp')) * 1000 > this.#clock.now();
    if (!fits) return undefined;
    const expiresAt = this.#clock.now() + (identity.lifetimeMs ?? 600_000);
    return {
      key: this.#add({ kind: 'service_account_identity', access: 'read/write', expiresAt }, 'dp.said.'),
      expiresAt,
    };
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
    return key;
  }
}

function userOf(credentials: string): string | undefined {
  const [user, password] = Buffer.from(credentials, 'base64').toString().split(':');
  return password === '' ? user : undefined;
}

function claimsOf(jwt: string): ReadonlyMap<string, unknown> | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString());
    return typeof claims === 'object' && claims !== null ? new Map(Object.entries(claims)) : undefined;
  } catch {
    return undefined;
  }
}
