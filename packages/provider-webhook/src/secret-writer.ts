import { isProviderError, ProviderError } from '@hikyaku/core';
import type { CallOptions, ProviderContext, SecretChange, WriteResult } from '@hikyaku/core';
import { isStrongEtag } from '@hikyaku/provider-utils';
import { foundText } from './answer-value.ts';
import type { Answered, Connection } from './connection.ts';
import { JsonDocument } from './json-document.ts';
import type { DeleteOperation, WriteOperation } from './operations.ts';
import { refusal } from './refusal.ts';
import type { TemplatedConfig } from './templated-config.ts';

/** Writes secrets one after the other, in the order of the changes. */
export class SecretWriter {
  readonly #connection: Connection;
  readonly #config: TemplatedConfig;
  readonly #context: ProviderContext;

  constructor(connection: Connection, config: TemplatedConfig, context: ProviderContext) {
    this.#connection = connection;
    this.#config = config;
    this.#context = context;
  }

  /** Throws after the last one when it is not known whether one of them was applied. */
  async write(changes: readonly SecretChange[], { signal }: CallOptions): Promise<readonly WriteResult[]> {
    const results: WriteResult[] = [];
    let unclear: ProviderError | undefined;
    for (const change of changes) {
      try {
        results.push({ name: change.name, ...(await this.#apply(change, { signal })) });
      } catch (error) {
        signal.throwIfAborted();
        if (!isProviderError(error)) throw error;
        if (error.code === 'UNAVAILABLE' || error.code === 'INVALID_RESPONSE') unclear ??= error;
        results.push({ name: change.name, error });
      }
    }
    if (unclear !== undefined) throw unclear;
    return results;
  }

  async #apply(change: SecretChange, { signal }: CallOptions): Promise<{ readonly version?: string }> {
    const { name } = change;
    const removes = 'remove' in change;
    const operation = removes ? this.#config.delete : this.#config.write;
    if (operation === undefined) {
      const word = removes ? 'delete' : 'write';
      throw new ProviderError(
        'UNSUPPORTED',
        `${name} cannot be ${removes ? 'removed' : 'written'}: the source has no \`${word}\``,
      );
    }
    const secret = removes ? undefined : change.value;
    const answered = await this.#connection.send(operation, {
      variables: new Map([
        ['name', name],
        ['namePath', name],
        ['value', secret?.text()],
        ['valueBase64', secret && Buffer.from(secret.reveal()).toString('base64')],
      ]),
      ...(secret !== undefined && { secret }),
      condition: conditionOf(change, operation),
      signal,
    });
    this.#mustBeApplied(answered, change);
    return removes ? {} : this.#versionIn(answered, name);
  }

  #mustBeApplied(answered: Answered, change: SecretChange): void {
    const { status } = answered;
    if (status === 200 || status === 201 || status === 204) return;
    const { name, ifVersion } = change;
    const isGone = 'remove' in change && (status === 404 || status === 410);
    if (isGone && typeof ifVersion !== 'string') return;
    if (isGone || status === 409 || status === 412) {
      throw new ProviderError(
        'CONFLICT',
        `${name} is not as it was expected to be at ${this.#connection.host} (${status}): somebody else changed it`,
      );
    }
    const what = `${'remove' in change ? 'removing' : 'writing'} the secret ${name}`;
    throw refusal(answered, { host: this.#connection.host, what, clock: this.#context.clock });
  }

  #versionIn(answered: Answered, name: string): { readonly version?: string } {
    const { write, read } = this.#config;
    if (write?.version === undefined) {
      const { etag } = answered;
      return etag === undefined || read?.version !== undefined ? {} : { version: etag };
    }
    try {
      const document = JsonDocument.parse(
        answered.body,
        `the answer of ${this.#connection.host} for the secret ${name}`,
      );
      return { version: foundText(document, write.version) };
    } catch (error) {
      if (!isProviderError(error)) throw error;
      return {}; // it was written all the same
    }
  }
}

function conditionOf(
  { name, ifVersion, ...change }: SecretChange,
  { conditional }: WriteOperation | DeleteOperation,
): Record<string, string> {
  if (ifVersion === undefined) return {};
  if (!conditional || (ifVersion === null && 'remove' in change)) {
    throw new ProviderError(
      'UNSUPPORTED',
      `${name} cannot be changed only on a condition: say \`conditional: true\` if the service obeys \`If-Match\` and \`If-None-Match\``,
    );
  }
  if (ifVersion === null) return { 'if-none-match': '*' };
  if (isStrongEtag(ifVersion)) return { 'if-match': ifVersion };
  throw new ProviderError(
    'UNSUPPORTED',
    `the version of ${name} is not a strong ETag, and no condition can be made of it`,
  );
}
