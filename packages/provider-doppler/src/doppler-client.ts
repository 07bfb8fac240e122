import { isProviderError, ProviderError } from '@hikyaku/core';
import type { CallOptions, ProviderContext } from '@hikyaku/core';
import { etagOf, isEtag, parseJson, retry, sameEtag } from '@hikyaku/provider-utils';
import type { HttpAnswer } from '@hikyaku/provider-utils';
import type { DopplerConfig } from './doppler-config.ts';
import { DopplerRequests } from './doppler-requests.ts';
import type { DopplerRequest } from './doppler-requests.ts';
import { field } from './field.ts';
import type { Login } from './login.ts';
import { parseNames } from './parse-names.ts';
import { refusal, requestIdOf, whichConfig } from './refusal.ts';

/** The answer to a change tells each value twice; a config holds 500 KiB. */
const LARGEST_CHANGE_ANSWER = 8 * 1024 * 1024;

export interface DownloadOptions<Known> extends CallOptions {
  /** What is known already for the account that asks; its ETag makes the request conditional. */
  readonly known: (account: string) => Known | undefined;
}

/** `account` stands for who asked. */
export type Download<Known> =
  | { readonly account: string; readonly unchanged: Known }
  | {
      readonly account: string;
      readonly unchanged?: undefined;
      readonly etag: string | undefined;
      readonly body: Uint8Array;
    };

/** What is asked of one Doppler config. */
export class DopplerClient {
  readonly #config: DopplerConfig;
  readonly #context: ProviderContext;
  readonly #requests: DopplerRequests;

  constructor(config: DopplerConfig, context: ProviderContext) {
    this.#config = config;
    this.#context = context;
    this.#requests = new DopplerRequests(config, context);
  }

  /** Downloads the whole config, tried up to three times. `unchanged` is what `known` gave, when Doppler says that it still holds. */
  download<Known extends { readonly etag: string }>({
    signal,
    known,
  }: DownloadOptions<Known>): Promise<Download<Known>> {
    return this.#requests.loggedIn((login) => this.#downloadWith(login, { signal, known }), { signal });
  }

  /** The names of all secrets, those included that Doppler adds; tried up to three times. */
  names({ signal }: CallOptions): Promise<readonly string[]> {
    const request = { kind: 'names', path: 'secrets/names', query: this.#scope() } as const;
    return this.#requests.loggedIn(async (login) => parseNames((await this.#read(login, request, { signal })).body), {
      signal,
    });
  }

  /**
   * Sets values, and removes the names that stand with null, by one request. Rejects with a ProviderError when nothing was changed;
   * resolves to one when nobody can say whether it was, and to `undefined` when Doppler has confirmed it. Only what was refused
   * for the moment is sent again: otherwise what somebody else wrote meanwhile could be lost.
   */
  change(secrets: ReadonlyMap<string, string | null>, { signal }: CallOptions): Promise<ProviderError | undefined> {
    const { clock } = this.#context;
    const body = JSON.stringify({ ...this.#scope(), secrets: Object.fromEntries(secrets) });
    const request = { kind: 'writes', path: 'secrets', body, maxBytes: LARGEST_CHANGE_ANSWER } as const;
    const written = [...secrets.values()].filter((value) => value !== null);

    const changeOnce = async (login: Login, attempt: number): Promise<ProviderError | undefined> => {
      await this.#requests.waitForTurn(login, request.kind, { signal });
      let answer: HttpAnswer;
      try {
        answer = await this.#requests.send(login, request, { signal, attempt });
      } catch (error) {
        signal.throwIfAborted();
        // Where sources may not go, nothing is sent.
        if (isProviderError(error) && error.code === 'FORBIDDEN') throw error;
        return this.#unconfirmed(error);
      }
      if (answer.status === 200) return confirms(answer.body, secrets) ? undefined : this.#unconfirmed();
      const refused = refusal(answer, { config: this.#config, ...login, written, clock });
      if (answer.status < 400 || answer.status >= 500 || answer.status === 408) return this.#unconfirmed(refused);
      throw refused;
    };

    return this.#requests.loggedIn((login) => this.#retry((attempt) => changeOnce(login, attempt), { signal }), {
      signal,
    });
  }

  async #downloadWith<Known extends { readonly etag: string }>(
    login: Login,
    { signal, known }: DownloadOptions<Known>,
  ): Promise<Download<Known>> {
    const { account } = login;
    const request: DopplerRequest = {
      kind: 'reads',
      path: 'secrets/download',
      // Dynamic secrets would make a new lease each at every download, and no two downloads would be equal.
      query: { format: 'json', ...this.#scope(), include_dynamic_secrets: 'false' },
    };
    const before = known(account);
    if (before !== undefined && isEtag(before.etag)) {
      const headers = { 'if-none-match': before.etag };
      const answer = await this.#read(login, { ...request, headers }, { signal });
      if (answer.status === 200) return { account, etag: etagOf(answer), body: answer.body };
      // A 304 names the ETag that it confirms (RFC 9110, 15.4.5). Another one confirms something that is not here.
      if (sameEtag(etagOf(answer) ?? before.etag, before.etag)) return { account, unchanged: before };
      this.#context.logger.debug(
        { requestId: requestIdOf(answer) },
        'not modified, but for another etag: asking again without one',
      );
    }
    const answer = await this.#read(login, request, { signal });
    if (answer.status === 200) return { account, etag: etagOf(answer), body: answer.body };
    throw new ProviderError(
      'INVALID_RESPONSE',
      'Doppler answered "not modified" (304) to a request without condition. Check that no proxy between here and Doppler caches',
    );
  }

  /** The answer, 200 or 304, of one of several attempts. */
  #read(login: Login, request: DopplerRequest, { signal }: CallOptions): Promise<HttpAnswer> {
    const { clock } = this.#context;
    return this.#retry(
      async (attempt) => {
        await this.#requests.waitForTurn(login, request.kind, { signal });
        const answer = await this.#requests.send(login, request, { signal, attempt });
        if (answer.status === 200 || answer.status === 304) return answer;
        throw refusal(answer, { config: this.#config, ...login, clock });
      },
      { signal },
    );
  }

  #retry<T>(attempt: (number: number) => Promise<T>, { signal }: CallOptions): Promise<T> {
    const { clock, logger } = this.#context;
    return retry(attempt, {
      clock,
      signal,
      onRetry: (error, next) =>
        logger.debug({ code: error.code, attempt: next.attempt, delayMs: next.delayMs }, 'asking doppler again'),
    });
  }

  /** Doppler refuses a service token together with another project or config than its own: a free guard. */
  #scope(): { readonly project?: string; readonly config?: string } {
    const { project, config } = this.#config;
    return project === undefined || config === undefined ? {} : { project, config };
  }

  #unconfirmed(cause?: unknown): ProviderError {
    const why = isProviderError(cause) ? ` ${cause.message}` : '';
    return new ProviderError(
      'UNAVAILABLE',
      `Doppler has not confirmed the change of ${whichConfig(this.#config)}: it may have been made or not, so read before you try again.${why}`,
      { cause },
    );
  }
}

/** `{"secrets": {"NAME": {…}}}`, with every name that was set. */
function confirms(body: Uint8Array, secrets: ReadonlyMap<string, string | null>): boolean {
  const written = field(parseJson(body), 'secrets');
  if (typeof written !== 'object' || written === null) return false;
  return [...secrets].every(([name, value]) => value === null || (field(written, name) ?? null) !== null);
}
