import { ProviderError } from '@hikyaku/core';
import type { CallOptions, ProviderContext } from '@hikyaku/core';
import {
  baseUrl,
  fingerprint,
  retry,
  sendRequest,
  tokenText,
  userAgent,
  withCredentials,
} from '@hikyaku/provider-utils';
import type { Operation } from './documents.ts';
import { parseDocument } from './parse-document.ts';
import type * as z from 'zod';
import type { ProtocolConfig } from './protocol-config.ts';
import { refusal } from './refusal.ts';

/** The limits that docs/protocol.md states. */
const MOST_ANSWER_BYTES = 16 * 1024 * 1024;
const MOST_REQUEST_BYTES = 4 * 1024 * 1024;
const TIMEOUT_MS = 30_000;

export interface ExchangeOptions<T> extends CallOptions {
  readonly operation: Operation;
  /** Made for the account that asks; absent: a GET. */
  readonly body?: (account: string) => object;
  readonly schema: z.ZodType<T>;
  /** Milliseconds; 30 000 by default. */
  readonly timeoutMs?: number;
  /** How often at the most; 3 by default. */
  readonly attempts?: number;
  /** The answer is waited for; it must not take a connection from others meanwhile. */
  readonly longLived?: boolean;
}

/** `account` is a hash of the address and the token that was used. */
export interface Exchange<T> {
  readonly account: string;
  readonly document: T;
}

/** One exchange of the hikyaku protocol: the request, its retries, and the check of the answer. */
export class ProtocolClient {
  readonly #base: string;
  readonly #config: ProtocolConfig;
  readonly #context: ProviderContext;

  constructor(config: ProtocolConfig, context: ProviderContext) {
    this.#base = baseUrl(config.url);
    this.#config = config;
    this.#context = context;
  }

  /** What messages name: the host and path of an operation. */
  nameOf(operation: Operation): string {
    const { host, pathname } = new URL(this.#url(operation));
    return `${host}${pathname}`;
  }

  /** A refused token is asked for again once, in case it was replaced meanwhile. */
  async exchange<T>(options: ExchangeOptions<T>): Promise<Exchange<T>> {
    if (!this.#context.credentialPaths.includes('token')) return await this.#exchangeWith(undefined, options);
    return await withCredentials(
      this.#context,
      ['token'],
      ([token]) => this.#exchangeWith(tokenText(token, { path: 'token', what: 'a token' }), options),
      options,
    );
  }

  async #exchangeWith<T>(token: string | undefined, options: ExchangeOptions<T>): Promise<Exchange<T>> {
    const { operation, body, schema, signal, timeoutMs = TIMEOUT_MS, attempts = 3, longLived = false } = options;
    const { clock, logger } = this.#context;
    const asked = operation === '' ? 'description' : operation;
    const dispatcher = longLived ? this.#context.dispatcherFor({}, { longLived }) : this.#context.dispatcher;
    const account = fingerprint(this.#base, token ?? null);
    const from = this.nameOf(operation);
    const content = body === undefined ? undefined : Buffer.from(JSON.stringify(body(account)));
    if (content !== undefined && content.byteLength > MOST_REQUEST_BYTES) {
      throw new ProviderError(
        'UNSUPPORTED',
        `${from} was not asked: one request holds at most ${MOST_REQUEST_BYTES / 1024 / 1024} MiB, and this one has more`,
      );
    }

    const attemptOnce = async (attempt: number): Promise<T> => {
      await this.#context.budget(account, this.#config.requestsPerMinute, { signal });
      const answer = await sendRequest(this.#url(operation), {
        dispatcher,
        clock,
        signal,
        timeoutMs,
        maxBytes: MOST_ANSWER_BYTES,
        method: content === undefined ? 'GET' : 'POST',
        headers: {
          accept: 'application/json',
          'user-agent': userAgent,
          ...(content !== undefined && { 'content-type': 'application/json' }),
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
        },
        ...(content !== undefined && { body: content }),
      });
      logger.debug({ status: answer.status, operation: asked, attempt }, 'the service answered');
      if (answer.status !== 200) throw refusal(answer, { from, operation, withToken: token !== undefined, clock });
      return parseDocument(schema, answer.body, from);
    };

    const document = await retry(attemptOnce, {
      clock,
      signal,
      attempts,
      onRetry: (error, { attempt, delayMs }) =>
        logger.debug({ code: error.code, operation: asked, attempt, delayMs }, 'asking the service again'),
    });
    return { account, document };
  }

  #url(operation: Operation): string {
    return operation === '' ? `${this.#base}/v1` : `${this.#base}/v1/${operation}`;
  }
}
