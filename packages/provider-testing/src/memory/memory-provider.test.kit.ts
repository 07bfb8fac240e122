import { defineProvider, ProviderError, refId, SecretValue } from '@hikyaku/core';
import type {
  CallOptions,
  Provider,
  ProviderContext,
  ReadRequest,
  Secret,
  SecretChange,
  SecretInfo,
  SecretRef,
  SecretsClient,
  Snapshot,
  WriteResult,
} from '@hikyaku/core';

export interface MemoryConfig {
  readonly url: string;
}

/** A provider of the memory service that does all that the contract says. */
export const memory: Provider<MemoryConfig> = defineProvider<MemoryConfig>({
  type: 'memory',
  credentials: [{ path: 'token', default: { env: 'MEMORY_TOKEN' } }],
  config: {
    '~standard': {
      version: 1,
      vendor: 'by hand',
      validate(value) {
        const { url, ...others }: Readonly<Record<string, unknown>> = { ...Object(value) };
        const issues = Object.keys(others).map((key) => ({ message: `${key} is not known`, path: [key] }));
        if (typeof url !== 'string') return { issues: [...issues, { message: 'url must be a text', path: ['url'] }] };
        return issues.length > 0 ? { issues } : { value: { url } };
      },
    },
  },
  describe: ({ url }) => ({ identity: `memory ${url}`, origins: [new URL(url).origin] }),
  connect: ({ url }, context) => new MemoryClient(url, context),
});

interface Answer {
  readonly status: number;
  readonly fields: ReadonlyMap<string, unknown>;
}

interface Ask extends CallOptions {
  readonly method?: 'GET' | 'PUT';
  readonly body?: object;
}

class MemoryClient implements SecretsClient {
  readonly #url: string;
  readonly #context: ProviderContext;

  constructor(url: string, context: ProviderContext) {
    this.#url = url;
    this.#context = context;
  }

  async read(request: ReadRequest): Promise<Snapshot> {
    const { all, refs, previous, signal } = request;
    const wanted = new Map(refs.map((ref) => [refId(ref), ref]));
    const listed = await this.list({ signal });
    if (all) for (const { name } of listed) wanted.set(name, { name });
    const versions = new Map(listed.map(({ name, version }) => [name, version]));

    const secrets = new Map<string, Secret>();
    const unknown = new Map([...wanted.keys()].map((id) => [id, new ProviderError('PENDING', 'not read yet')]));
    for (const [id, ref] of wanted) {
      request.progress({ secrets: new Map(secrets), unknown: new Map(unknown) });
      try {
        const secret = await this.#get(ref, { signal, previous: previous?.secrets.get(id), listed: versions });
        unknown.delete(id);
        if (secret !== undefined) secrets.set(id, secret);
      } catch (error) {
        if (!(error instanceof ProviderError) || error.code !== 'FORBIDDEN') throw error;
        unknown.set(id, error);
      }
    }
    if (unknown.size > 0) return { secrets, unknown };
    return previous !== undefined && isSame(previous, secrets) ? previous : { secrets };
  }

  async list({ signal }: CallOptions): Promise<readonly SecretInfo[]> {
    const { status, fields } = await this.#ask('/secrets', { signal });
    const secrets = fields.get('secrets');
    if (status !== 200 || !Array.isArray(secrets) || secrets.length !== fields.get('count')) throw refusal(status);
    return secrets;
  }

  async write(changes: readonly SecretChange[], { signal }: CallOptions): Promise<readonly WriteResult[]> {
    signal.throwIfAborted();
    const results: WriteResult[] = [];
    for (const change of changes) results.push(await this.#write(change, { signal }));
    return results;
  }

  async *watch({ signal }: CallOptions): AsyncGenerator<void, void, void> {
    const answer = await this.#context.dispatcher.request({
      origin: this.#url,
      path: '/events',
      method: 'GET',
      headers: await this.#headers({ signal }),
      signal,
    });
    for await (const _ of answer.body) yield;
    throw new ProviderError('UNAVAILABLE', 'the events have ended');
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #get(
    { name, version }: SecretRef,
    { previous, listed, signal }: CallOptions & GetOptions,
  ): Promise<Secret | undefined> {
    const wanted = version ?? listed.get(name);
    if (wanted === undefined) return undefined;
    if (previous?.version === wanted) return previous;
    const { status, fields } = await this.#ask(`/secret?${new URLSearchParams({ name, version: wanted }).toString()}`, {
      signal,
    });
    // The service says which one is missing; any other 404 is not about it.
    if (status === 404 && fields.get('missing') === name) return undefined;
    const value = fields.get('value');
    if (status !== 200 || typeof value !== 'string') throw refusal(status);
    return { value: SecretValue.of(Buffer.from(value, 'base64')), version: wanted, readAt: this.#context.clock.now() };
  }

  async #write(change: SecretChange, { signal }: CallOptions): Promise<WriteResult> {
    const { name, ifVersion } = change;
    const value = 'value' in change ? { value: Buffer.from(change.value.reveal()).toString('base64') } : {};
    const body = { ...value, ...(ifVersion !== undefined && { ifVersion }) };
    const { status, fields } = await this.#ask(`/secret?${new URLSearchParams({ name }).toString()}`, {
      signal,
      method: 'PUT',
      body,
    });
    if (status === 409) return { name, error: new ProviderError('CONFLICT', `${name} was changed by somebody else`) };
    if (status !== 200) throw refusal(status);
    const version = fields.get('version');
    return { name, ...(typeof version === 'string' && { version }) };
  }

  async #headers({ signal }: CallOptions, refused?: SecretValue): Promise<{ readonly authorization: string }> {
    const token = await this.#context.credential('token', { signal, ...(refused && { refused }) });
    return { authorization: `Bearer ${token.text() ?? ''}` };
  }

  async #ask(path: string, options: Ask): Promise<Answer> {
    const { signal } = options;
    signal.throwIfAborted();
    const token = await this.#context.credential('token', { signal });
    const first = await this.#send(path, token, options);
    if (first.status !== 401) return first;
    const fresh = await this.#context.credential('token', { signal, refused: token });
    return fresh.equals(token) ? first : this.#send(path, fresh, options);
  }

  async #send(path: string, token: SecretValue, { signal, method = 'GET', body }: Ask): Promise<Answer> {
    const deadline = new AbortController();
    const { clock, dispatcher, logger } = this.#context;
    clock.sleep(10_000, { signal: AbortSignal.any([signal, deadline.signal]) }).then(
      () => deadline.abort(),
      () => {},
    );
    try {
      const answer = await dispatcher.request({
        origin: this.#url,
        path,
        method,
        headers: { authorization: `Bearer ${token.text() ?? ''}` },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.any([signal, deadline.signal]),
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      const text = await answer.body.text();
      logger.debug({ status: answer.statusCode }, 'memory answered');
      const afterSeconds = answer.headers['retry-after'];
      if (answer.statusCode === 429)
        throw new ProviderError('RATE_LIMITED', 'too many requests', { retryAfterMs: Number(afterSeconds) * 1000 });
      return { status: answer.statusCode, fields: fieldsOf(answer.statusCode, text) };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ProviderError) throw error;
      throw new ProviderError('UNAVAILABLE', 'the memory service does not answer');
    } finally {
      deadline.abort();
    }
  }
}

interface GetOptions {
  readonly previous: Secret | undefined;
  readonly listed: ReadonlyMap<string, string | undefined>;
}

function fieldsOf(status: number, text: string): ReadonlyMap<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return new Map(Object.entries(parsed));
  } catch {
    // said below, without what was read
  }
  if (status !== 200) return new Map();
  throw new ProviderError('INVALID_RESPONSE', 'the memory service answered with something that is no object');
}

function refusal(status: number): ProviderError {
  const text = `the memory service refused (${status})`;
  if (status === 401) return new ProviderError('UNAUTHENTICATED', text);
  if (status === 403) return new ProviderError('FORBIDDEN', text);
  if (status === 404) return new ProviderError('NOT_FOUND', text);
  return new ProviderError(status >= 500 ? 'UNAVAILABLE' : 'INVALID_RESPONSE', text);
}

function isSame(previous: Snapshot, secrets: ReadonlyMap<string, Secret>): boolean {
  if ((previous.unknown?.size ?? 0) > 0 || previous.secrets.size !== secrets.size) return false;
  return [...secrets].every(([id, secret]) => {
    const before = previous.secrets.get(id);
    return before?.version === secret.version && before?.value.equals(secret.value) === true;
  });
}
