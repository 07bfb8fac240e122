import { isProviderError } from '@hikyaku/core';
import type { CallOptions, ProviderContext } from '@hikyaku/core';
import { baseUrl, retry, sendRequest, userAgent } from '@hikyaku/provider-utils';
import type { HttpAnswer } from '@hikyaku/provider-utils';
import type { Account, Login } from './account.ts';
import { ApiKey } from './api-key.ts';
import { refusal } from './refusal.ts';
import type { RefusalOptions } from './refusal.ts';
import type { SakuraConfig } from './sakura-config.ts';
import { ServicePrincipal } from './service-principal.ts';

export interface SakuraRequest extends CallOptions, Pick<RefusalOptions, 'purpose' | 'what'> {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Below `/secretmanager`. */
  readonly path: string;
  readonly body?: object;
  /** Statuses that are an answer; any other is thrown. */
  readonly wanted: readonly number[];
}

/** SAKURA's HTTP API: who asks, the pace, and trying again. */
export class SakuraClient {
  readonly #base: string;
  readonly #perMinute: number;
  readonly #context: ProviderContext;
  readonly #account: Account;

  constructor(
    { url, requestsPerMinute, servicePrincipal }: Pick<SakuraConfig, 'url' | 'requestsPerMinute' | 'servicePrincipal'>,
    context: ProviderContext,
  ) {
    this.#base = baseUrl(url);
    this.#perMinute = requestsPerMinute;
    this.#context = context;
    this.#account =
      servicePrincipal === undefined
        ? new ApiKey(context, this.#base)
        : new ServicePrincipal(servicePrincipal, context, this.#base);
  }

  /**
   * Sends a request, up to three times where trying again helps. A write is tried again only when SAKURA says that it was not
   * done: after anything else it is thrown at once, and its outcome is not known. A refused API key is asked for again once, in
   * case it was replaced meanwhile; so is a refused access token.
   */
  send(request: SakuraRequest): Promise<HttpAnswer> {
    return this.#account.loggedIn((login) => this.#sendWith(login, request), request);
  }

  async #sendWith(login: Login, request: SakuraRequest): Promise<HttpAnswer> {
    const { signal, purpose } = request;
    const { clock, logger } = this.#context;

    // What must not be tried again is handed through as a value.
    const outcome = await retry(
      async (attempt) => {
        try {
          return { answer: await this.#sendOnce(login, request, attempt) };
        } catch (error) {
          if (purpose === 'write' && isProviderError(error) && !isRefused(error.code)) return { error };
          throw error;
        }
      },
      {
        clock,
        signal,
        onRetry: (error, { attempt, delayMs }) =>
          logger.debug({ code: error.code, attempt, delayMs }, 'asking sakura again'),
      },
    );
    if (outcome.error !== undefined) throw outcome.error;
    return outcome.answer;
  }

  async #sendOnce({ authorization, account }: Login, request: SakuraRequest, attempt: number): Promise<HttpAnswer> {
    const { signal, method, path, body, wanted, purpose, what } = request;
    const { clock, dispatcher, logger } = this.#context;
    await this.#context.budget(account, this.#perMinute, { signal });
    const answer = await sendRequest(`${this.#base}/secretmanager${path}`, {
      dispatcher,
      clock,
      signal,
      method,
      headers: {
        accept: 'application/json',
        authorization,
        'user-agent': userAgent,
        'x-sakura-bigint-as-int': '1',
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    logger.debug({ status: answer.status, purpose, attempt }, 'sakura answered');
    if (wanted.includes(answer.status)) return answer;
    throw refusal(answer, { purpose, what, principal: this.#account.principal, clock });
  }
}

/** Whether the answer says that nothing was done. */
function isRefused(code: string): boolean {
  return code !== 'UNAVAILABLE' && code !== 'INVALID_RESPONSE';
}
