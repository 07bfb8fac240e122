import { createHash } from 'node:crypto';
import { isProviderError, ProviderError } from '@hikyaku/core';
import type { CallOptions, ProviderContext, SecretValue } from '@hikyaku/core';
import { baseUrl, retry, sendRequest, userAgent } from '@hikyaku/provider-utils';
import type { HttpAnswer } from '@hikyaku/provider-utils';
import type { DopplerConfig } from './doppler-config.ts';
import { RequestPace } from './request-pace.ts';
import { refusal, requestIdOf } from './refusal.ts';

/** Secret reads per minute and token on the free plan (https://docs.doppler.com/reference/api, rate limits). */
const READS_PER_MINUTE = 120;
/** RFC 9110, 8.8.3. Also what makes one from a stored revision safe to send. */
const ETAG = /^(?:W\/)?"[\x21\x23-\x7e]*"$/;

export interface DownloadOptions<Known> extends CallOptions {
  /** What is known already for the account that asks; its ETag makes the request conditional. */
  readonly known: (account: string) => Known | undefined;
}

/** `account` is a hash of the token that was used. */
export type Download<Known> =
  | { readonly account: string; readonly unchanged: Known }
  | {
      readonly account: string;
      readonly unchanged?: undefined;
      readonly etag: string | undefined;
      readonly body: Uint8Array;
    };

/** Doppler's HTTP API, version 3. */
export class DopplerClient {
  readonly #config: DopplerConfig;
  readonly #context: ProviderContext;
  readonly #pace: RequestPace;

  constructor(config: DopplerConfig, context: ProviderContext) {
    this.#config = config;
    this.#context = context;
    this.#pace = new RequestPace(context.clock);
  }

  /**
   * Downloads the whole config, tried up to three times. `unchanged` is what `known` gave, when Doppler says that it still
   * holds. A refused token is asked for again once, in case it was replaced meanwhile.
   */
  async download<Known extends { readonly etag: string }>({
    signal,
    known,
  }: DownloadOptions<Known>): Promise<Download<Known>> {
    const token = await this.#context.credential('token', { signal });
    try {
      return await this.#downloadWith(token, { signal, known });
    } catch (error) {
      if (!isProviderError(error) || error.code !== 'UNAUTHENTICATED') throw error;
      const fresh = await this.#context.credential('token', { signal, refused: token });
      if (fresh.equals(token)) throw error;
      return this.#downloadWith(fresh, { signal, known });
    }
  }

  async #downloadWith<Known extends { readonly etag: string }>(
    credential: SecretValue,
    { signal, known }: DownloadOptions<Known>,
  ): Promise<Download<Known>> {
    const token = tokenText(credential);
    const account = createHash('sha256').update(`hikyaku doppler ${token}`).digest('base64url').slice(0, 22);
    const before = known(account);
    if (before !== undefined && ETAG.test(before.etag)) {
      const answer = await this.#send({ token, account, etag: before.etag, signal });
      if (answer.status === 200) return { account, etag: etagOf(answer), body: answer.body };
      // A 304 names the ETag that it confirms (RFC 9110, 15.4.5). Another one confirms something that is not here.
      if (sameEtag(etagOf(answer) ?? before.etag, before.etag)) return { account, unchanged: before };
      this.#context.logger.debug(
        { requestId: requestIdOf(answer) },
        'not modified, but for another etag: asking again without one',
      );
    }
    const answer = await this.#send({ token, account, signal });
    if (answer.status === 200) return { account, etag: etagOf(answer), body: answer.body };
    throw new ProviderError(
      'INVALID_RESPONSE',
      'Doppler answered "not modified" (304) to a request without condition. Check that no proxy between here and Doppler caches',
    );
  }

  /** The answer to one download, 200 or 304. */
  #send({
    token,
    account,
    etag,
    signal,
  }: CallOptions & { token: string; account: string; etag?: string }): Promise<HttpAnswer> {
    const { clock, dispatcher, logger } = this.#context;

    const attemptOnce = async (attempt: number): Promise<HttpAnswer> => {
      await this.#context.budget(`doppler ${account}`, READS_PER_MINUTE, { signal });
      await this.#pace.wait({ signal });
      const answer = await sendRequest(this.#downloadUrl(), {
        dispatcher,
        clock,
        signal,
        headers: {
          accept: 'application/json',
          authorization: `Bearer ${token}`,
          'user-agent': userAgent,
          ...(etag !== undefined && { 'if-none-match': etag }),
        },
      });
      this.#pace.note(answer.headers);
      logger.debug(
        {
          status: answer.status,
          cached: answer.status === 304,
          attempt,
          requestId: requestIdOf(answer),
          remaining: answer.headers.get('x-ratelimit-remaining'),
        },
        'doppler answered',
      );
      if (answer.status === 200 || answer.status === 304) return answer;
      throw refusal(answer, { config: this.#config, token, clock });
    };

    return retry(attemptOnce, {
      clock,
      signal,
      onRetry: (error, { attempt, delayMs }) =>
        logger.debug({ code: error.code, attempt, delayMs }, 'asking doppler again'),
    });
  }

  #downloadUrl(): URL {
    const { url, project, config } = this.#config;
    const address = new URL(`${baseUrl(url)}/v3/configs/config/secrets/download`);
    address.searchParams.set('format', 'json');
    // Doppler refuses a service token together with another project or config than its own: a free guard.
    if (project !== undefined && config !== undefined) {
      address.searchParams.set('project', project);
      address.searchParams.set('config', config);
    }
    // Otherwise every download makes a new lease of each dynamic secret, and no two are equal.
    address.searchParams.set('include_dynamic_secrets', 'false');
    return address;
  }
}

function tokenText(token: SecretValue): string {
  // A file's last line break belongs to the file, not to the token.
  const text = token.text()?.trim() ?? '';
  if (!/^[\x21-\x7e]+$/.test(text)) {
    throw new ProviderError(
      'INVALID_CONFIG',
      'what `token` points to is not a Doppler token: it is empty or has spaces, line breaks or other characters that no token has',
    );
  }
  return text;
}

function etagOf(answer: HttpAnswer): string | undefined {
  const etag = answer.headers.get('etag');
  return etag !== undefined && ETAG.test(etag) ? etag : undefined;
}

/** The weak comparison of RFC 9110, 8.8.3.2. */
function sameEtag(a: string, b: string): boolean {
  return a.replace(/^W\//, '') === b.replace(/^W\//, '');
}
