import { ProviderError, SecretValue } from '@hikyaku/core';
import type { CallOptions, ProviderContext } from '@hikyaku/core';
import { baseUrl, httpError, retry, sendRequest, userAgent } from '@hikyaku/provider-utils';
import type { HttpAnswer } from '@hikyaku/provider-utils';
import * as z from 'zod';

/** What a list answers. `total` guards against a list that was cut short. */
const listAnswer = z.object({
  total: z.int(),
  secrets: z.array(z.object({ name: z.string(), version: z.string() })),
});
const valueAnswer = z.object({ value: z.string() });

/** The API of acme. Rejects with ProviderErrors, whose messages hold no value, no token and no body. */
export class AcmeClient {
  readonly #url: string;
  readonly #context: ProviderContext;

  constructor(url: string, context: ProviderContext) {
    this.#url = baseUrl(url);
    this.#context = context;
  }

  /** Version by name, of everything there is. */
  async versions(options: CallOptions): Promise<ReadonlyMap<string, string>> {
    const { total, secrets } = await this.#get('/secrets', listAnswer, options);
    if (total !== secrets.length) throw this.#nonsense('it lists fewer secrets than it says there are');
    return new Map(secrets.map(({ name, version }) => [name, version]));
  }

  async value(name: string, options: CallOptions): Promise<SecretValue> {
    const { value } = await this.#get(`/secrets/${encodeURIComponent(name)}`, valueAnswer, options);
    return SecretValue.of(value);
  }

  async #get<T>(path: string, schema: z.ZodType<T>, { signal }: CallOptions): Promise<T> {
    const { clock } = this.#context;
    const { body } = await retry(async () => await this.#request(path, { signal }), { clock, signal });
    const parsed = schema.safeParse(parseJson(body));
    if (parsed.success) return parsed.data;
    // Not what zod says: it may quote a value.
    throw this.#nonsense(
      'it is not the JSON that was expected. Check that `url` is that of acme, and no proxy answers',
    );
  }

  async #request(path: string, { signal }: CallOptions): Promise<HttpAnswer> {
    const token = await this.#context.credential('token', { signal });
    const answer = await this.#send(path, token, { signal });
    if (answer.status !== 401) return this.#wanted(answer);
    // It may have been replaced just now: asked for once more, as the contract says.
    const fresh = await this.#context.credential('token', { signal, refused: token });
    return this.#wanted(fresh.equals(token) ? answer : await this.#send(path, fresh, { signal }));
  }

  async #send(path: string, token: SecretValue, { signal }: CallOptions): Promise<HttpAnswer> {
    const { dispatcher, clock } = this.#context;
    const headers = { authorization: `Bearer ${token.text() ?? ''}`, 'user-agent': userAgent };
    return await sendRequest(this.#url + path, { dispatcher, clock, signal, headers });
  }

  #wanted(answer: HttpAnswer): HttpAnswer {
    if (answer.status === 200) return answer;
    const remedy = REMEDIES[answer.status] ?? 'It is tried again';
    throw httpError(answer, `acme at ${this.#url} answered ${answer.status}. ${remedy}`, this.#context);
  }

  #nonsense(what: string): ProviderError {
    return new ProviderError('INVALID_RESPONSE', `the answer of acme at ${this.#url} makes no sense: ${what}`);
  }
}

/** What a person can do about it. */
const REMEDIES: Readonly<Record<number, string>> = {
  401: 'The token was refused: make a new one',
  403: 'The token may not read this: give it the right to list and read',
  404: 'Check `url`',
};

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString());
  } catch {
    return undefined;
  }
}
