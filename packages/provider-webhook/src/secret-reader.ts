import { ProviderError } from '@hikyaku/core';
import type { CallOptions, ProviderContext, Secret, SecretRef } from '@hikyaku/core';
import { isEtag, retry } from '@hikyaku/provider-utils';
import { bodyValue, foundText, foundValue, refuseEncoded } from './answer-value.ts';
import type { Answered, Connection } from './connection.ts';
import { JsonDocument } from './json-document.ts';
import { variablesOf } from './operations.ts';
import type { ReadOperation } from './operations.ts';
import type { Outage } from './outage.ts';
import { refusal, unclearAbsence } from './refusal.ts';

export interface ReadOneOptions extends CallOptions {
  readonly previous?: Secret;
  /** The account that was given the secrets of a stored snapshot. */
  readonly storedFor: string | undefined;
  /** What the list says of it now. */
  readonly listed?: { readonly account: string; readonly version: string | undefined };
  readonly outage: Outage;
}

/** What is known of a Secret beside itself. */
interface Known {
  readonly account: string;
  readonly etag: string | undefined;
  /** Milliseconds since 1970. */
  readonly checkedAt: number;
}

/** A version can come back with another value, when a secret was removed and made again. */
const VERSION_HOLDS_MS = 12 * 3_600_000;

/** Reads one secret by the operation `read`. */
export class SecretReader {
  readonly #connection: Connection;
  readonly #operation: ReadOperation;
  readonly #context: ProviderContext;
  readonly #takesVersion: boolean;
  readonly #known = new WeakMap<Secret, Known>();

  constructor(connection: Connection, operation: ReadOperation, context: ProviderContext) {
    this.#connection = connection;
    this.#operation = operation;
    this.#context = context;
    this.#takesVersion = variablesOf(operation).has('version');
  }

  /** The account that all of them were read with; `undefined` when there were several, or none. */
  accountOf(secrets: Iterable<Secret>): string | undefined {
    const accounts = new Set([...secrets].map((secret) => this.#known.get(secret)?.account));
    return accounts.size === 1 ? [...accounts][0] : undefined;
  }

  /** `undefined` when it does not exist; `previous` itself while that holds. */
  async read(ref: SecretRef, options: ReadOneOptions): Promise<Secret | undefined> {
    const { previous, listed, outage, signal } = options;
    if (ref.version !== undefined && !this.#takesVersion) {
      throw new ProviderError(
        'UNSUPPORTED',
        `${ref.name} cannot be read in a version: \`read\` has no \`\${version}\``,
      );
    }
    const known = previous && this.#knownOf(previous, options.storedFor);
    if (previous !== undefined && known !== undefined && this.#isListed(previous, known, ref, listed)) {
      this.#known.set(previous, known);
      return previous;
    }
    outage.check();
    const { clock } = this.#context;
    const answered = await retry(() => this.#ask(ref, known, options), { clock, signal });
    const checkedAt = clock.now();
    if (answered.unchanged && previous !== undefined) {
      this.#known.set(previous, { account: answered.account, etag: answered.etag, checkedAt });
      return previous;
    }
    const read = this.#secretIn(answered, ref.name);
    if (read === undefined) return undefined;
    const holds = previous !== undefined && previous.version === read.version && previous.value.equals(read.value);
    const secret = holds ? previous : { ...read, readAt: checkedAt };
    this.#known.set(secret, { account: answered.account, etag: answered.etag, checkedAt });
    return secret;
  }

  async #ask(ref: SecretRef, known: Known | undefined, { outage, signal }: ReadOneOptions): Promise<Answered> {
    const { absent } = this.#operation;
    const answered = await outage.watch(() =>
      this.#connection.send(this.#operation, {
        variables: new Map([
          ['name', ref.name],
          ['namePath', ref.name],
          ['version', ref.version],
        ]),
        known: (account) => (known?.account === account ? known.etag : undefined),
        signal,
      }),
    );
    const { status } = answered;
    if (status === 200 || answered.unchanged || absent.some((sign) => sign === status)) return answered;
    const about = { host: this.#connection.host, what: `the secret ${ref.name}`, clock: this.#context.clock };
    if (status === 404 || status === 410) throw unclearAbsence(status, about);
    const error = refusal(answered, about);
    if (error.code === 'RATE_LIMITED') outage.begin(error);
    throw error;
  }

  #secretIn(answered: Answered, name: string): Omit<Secret, 'readAt'> | undefined {
    if (answered.status !== 200) return undefined;
    const { result, version, decode, absent } = this.#operation;
    const label = `the answer of ${this.#connection.host} for the secret ${name}`;
    refuseEncoded(answered, label);
    const etag = answered.etag === undefined ? {} : { version: answered.etag };
    if (result === undefined && version === undefined) return { value: bodyValue(answered, decode, label), ...etag };

    const document = JsonDocument.parse(answered.body, label);
    const found = result === undefined ? undefined : document.findOne(result);
    if (result !== undefined && found === undefined) {
      if (absent.includes('no-result')) return undefined;
      throw new ProviderError(
        'INVALID_RESPONSE',
        `${result} finds nothing in ${label}. If that means that it does not exist, add \`no-result\` to \`absent\``,
      );
    }
    const value =
      found === undefined || result === undefined
        ? bodyValue(answered, decode, label)
        : foundValue(document, found, decode, result);
    return { value, ...(version === undefined ? etag : { version: foundText(document, version) }) };
  }

  #knownOf(secret: Secret, storedFor: string | undefined): Known | undefined {
    const known = this.#known.get(secret);
    if (known !== undefined || storedFor === undefined) return known;
    const { version, readAt = 0 } = secret;
    const isEtagOf = this.#operation.version === undefined && version !== undefined && isEtag(version);
    return { account: storedFor, etag: isEtagOf ? version : undefined, checkedAt: readAt };
  }

  #isListed(previous: Secret, known: Known, ref: SecretRef, listed: ReadOneOptions['listed']): boolean {
    return (
      this.#operation.version !== undefined &&
      ref.version === undefined &&
      listed?.version !== undefined &&
      listed.version === previous.version &&
      listed.account === known.account &&
      this.#context.clock.now() - known.checkedAt < VERSION_HOLDS_MS
    );
  }
}
