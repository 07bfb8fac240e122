import { createPublicKey, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { Clock } from '@hikyaku/core';
import { json, verifyToken } from '@hikyaku/provider-utils/testing';
import type { FakeAnswer } from '@hikyaku/provider-utils/testing';

export interface FakePrincipalsOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** Asks for nothing and gives a token to everybody, as the vendor's mock does. */
  readonly mock: boolean;
  /** Of the tokens given out, seconds. */
  readonly lifetime: number;
}

interface FakeKey {
  readonly principal: string;
  readonly key: KeyObject;
  enabled: boolean;
}

/** Seconds that the clock of who asks may be ahead or behind. */
const LEEWAY = 30;
/** Seconds between `iat` and `exp`: the longest that SAKURA's own SDK asks for. */
const LONGEST = 600;

/** Service principals, their public keys, and the token endpoint (RFC 7523). Stricter than anything that is known of the real one. */
export class FakePrincipals {
  readonly #options: FakePrincipalsOptions;
  readonly #principals = new Set<string>();
  readonly #keys = new Map<string, FakeKey>();
  readonly #tokens = new Map<string, number>();
  readonly #used = new Set<unknown>();
  #lastId = 112_800_000_000;
  readonly assertions: string[] = [];
  readonly accessTokens: string[] = [];

  constructor(options: FakePrincipalsOptions) {
    this.#options = options;
  }

  add(id = String(this.#lastId++)): string {
    this.#principals.add(id);
    return id;
  }

  /** The key's id. As at SAKURA it has to be RSA of 2048 to 4096 bits. */
  uploadKey(principal: string, pem: string): string {
    const key = createPublicKey(pem);
    const { modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
    if (key.asymmetricKeyType !== 'rsa' || modulusLength < 2048 || modulusLength > 4096)
      throw new Error('the fake takes RSA keys of 2048 to 4096 bits, as SAKURA does');
    if (!this.#principals.has(principal)) throw new Error(`the fake has no service principal ${principal}`);
    const id = randomBytes(16).toString('hex');
    this.#keys.set(id, { principal, key, enabled: true });
    return id;
  }

  /** What a key has brought is taken until it expires; so it is, as far as is known, with the real one. */
  enableKey(id: string, enabled: boolean): void {
    const key = this.#keys.get(id);
    if (key !== undefined) key.enabled = enabled;
  }

  deleteKey(id: string): void {
    this.#keys.delete(id);
  }

  revokeTokens(): void {
    this.#tokens.clear();
  }

  /** Whether an `authorization` header has a token that was given out and has not expired. */
  accepts(authorization = ''): boolean {
    const [scheme, token = ''] = authorization.split(' ');
    return scheme?.toLowerCase() === 'bearer' && (this.#tokens.get(token) ?? 0) > this.#options.clock.now();
  }

  /** The token endpoint; `url` is its own. */
  answer(form: URLSearchParams, url: string): FakeAnswer {
    const { clock, mock, lifetime } = this.#options;
    const assertion = form.get('assertion') ?? '';
    this.assertions.push(assertion);
    if (form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:jwt-bearer')
      return json(400, { error: 'unsupported_grant_type' });
    const problem = mock ? undefined : this.#problemOf(assertion, url);
    if (problem !== undefined)
      return json(400, { error: 'invalid_grant', error_description: `${problem} in ${assertion}` });
    const token = randomBytes(32).toString('base64url');
    const expiresAt = clock.now() + lifetime * 1000;
    this.#tokens.set(token, expiresAt);
    this.accessTokens.push(token);
    return json(200, {
      access_token: token,
      token_type: 'Bearer',
      expires_in: lifetime,
      token_expired_at: new Date(expiresAt).toISOString(),
    });
  }

  #problemOf(assertion: string, url: string): string | undefined {
    const verified = verifyToken(assertion, (header) => {
      const known = this.#keys.get(String(header.get('kid')));
      return header.get('alg') === 'RS256' && known?.enabled === true ? known.key : undefined;
    });
    if (verified === undefined) return 'no signature by a key that is known and enabled';
    const { header, claims } = verified;
    const now = this.#options.clock.now() / 1000;
    const [iat, exp, nbf] = ['iat', 'exp', 'nbf'].map((name) => numberOf(claims.get(name)));
    if (iat === undefined || exp === undefined) return 'no iat or exp';
    if (claims.get('iss') !== this.#keys.get(String(header.get('kid')))?.principal) return "iss is not the key's";
    if (claims.get('sub') !== claims.get('iss')) return 'sub is not iss';
    if (claims.get('aud') !== url) return 'another aud';
    if (iat > now + LEEWAY || (nbf ?? 0) > now + LEEWAY) return 'not yet valid';
    if (exp <= now - LEEWAY) return 'expired';
    if (exp - iat > LONGEST) return 'valid for too long';
    const jti = claims.get('jti');
    if (typeof jti !== 'string' || this.#used.has(jti)) return 'no jti, or one that was used';
    this.#used.add(jti);
    return undefined;
  }
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
