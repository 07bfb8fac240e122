import { previousIfSame, ProviderError, refId } from '@hikyaku/core';
import type {
  CallOptions,
  ProviderContext,
  ReadRequest,
  SecretChange,
  SecretInfo,
  SecretsClient,
  Snapshot,
  WriteResult,
} from '@hikyaku/core';
import { fingerprint } from '@hikyaku/provider-utils';
import { description, listAnswer, readAnswer, watchAnswer, writeAnswer } from './documents.ts';
import type { Description } from './documents.ts';
import { notTheProtocol } from './parse-document.ts';
import { ProtocolClient } from './protocol-client.ts';
import type { ProtocolConfig } from './protocol-config.ts';
import { itemError, snapshotOf } from './snapshot-of.ts';

/** The longest wait that the protocol allows; proxies often cut at 60 s. */
const WATCH_SECONDS = 50;
/** Between two requests of a watch, so that a service whose revision never rests is not asked without end. */
const WATCH_PAUSE_MS = 1000;
/** After an answer without news that came long before its time. */
const EARLY_PAUSE_MS = 10_000;

/** What a snapshot was confirmed by. `key` says for whom and for which request. */
interface Confirmed {
  readonly snapshot: Snapshot;
  readonly key: string;
  readonly revision: string;
}

/** Reads, lists, writes and watches by the hikyaku protocol (docs/protocol.md). */
export class ProtocolSecretsClient implements SecretsClient {
  readonly #client: ProtocolClient;
  readonly #context: ProviderContext;
  #description: Description | undefined;
  #confirmed: Confirmed | undefined;
  /** The revision that was last heard of, by a read or a watch. */
  #revision: string | undefined;

  constructor(config: ProtocolConfig, context: ProviderContext) {
    this.#client = new ProtocolClient(config, context);
    this.#context = context;
  }

  async read({ all, refs, previous, signal }: ReadRequest): Promise<Snapshot> {
    const from = this.#client.nameOf('read');
    const keyFor = (account: string): string => requestKey(account, all, refs);
    const { account, document } = await this.#client.exchange({
      operation: 'read',
      body: (asking) => {
        const revision = this.#revisionOf(previous, keyFor(asking));
        return { all, refs: refs.map(({ name, version }) => ({ name, version })), revision };
      },
      schema: readAnswer,
      signal,
    });
    const key = keyFor(account);

    if (document.unchanged === true) {
      if (previous === undefined || this.#revisionOf(previous, key) !== document.revision)
        throw notTheProtocol(from, 'it says "unchanged" of a revision that was not sent');
      this.#revision = document.revision;
      return previous;
    }

    const { revision } = document;
    const content = snapshotOf(document, { all, refs }, from);
    this.#revision = revision;
    // What could not be read now may be readable next time, at the same revision.
    const stands = revision !== undefined && content.unknown === undefined;
    const read: Snapshot = stands ? { ...content, revision: `${key} ${revision}` } : content;
    const snapshot = previousIfSame(previous, read);
    this.#confirmed = stands ? { snapshot, key, revision } : undefined;
    return snapshot;
  }

  /** Where the service does not offer it, everything is read, and the values are dropped. */
  async list({ signal }: CallOptions): Promise<readonly SecretInfo[]> {
    if (!(await this.#offers('list', { signal }))) return await this.#listByReading({ signal });
    const { document } = await this.#client.exchange({
      operation: 'list',
      body: () => ({}),
      schema: listAnswer,
      signal,
    });
    if (new Set(document.secrets.map(({ name }) => name)).size < document.secrets.length)
      throw notTheProtocol(this.#client.nameOf('list'), 'a name in it comes twice');
    return document.secrets.map(({ name, version }) => ({ name, ...(version !== undefined && { version }) }));
  }

  async write(changes: readonly SecretChange[], { signal }: CallOptions): Promise<readonly WriteResult[]> {
    if (!(await this.#offers('write', { signal }))) {
      throw new ProviderError(
        'UNSUPPORTED',
        `${this.#client.nameOf('write')} is not offered by this service: ${this.#client.nameOf('')} does not name \`write\``,
      );
    }
    const from = this.#client.nameOf('write');
    const { document } = await this.#client.exchange({
      operation: 'write',
      body: () => ({ changes: changes.map(wireChange) }),
      schema: writeAnswer,
      signal,
      // Whether a write that failed was applied is not known: who asked for it must read first.
      attempts: 1,
    });
    const { results } = document;
    const fits = results.length === changes.length && results.every(({ name }, i) => name === changes[i]?.name);
    if (!fits) throw notTheProtocol(from, 'its results are not one per change, in their order');
    return results.map(({ name, version, error }) => ({
      name,
      ...(version !== undefined && { version }),
      ...(error !== undefined && { error: itemError(error, `${name} was not written: ${from}`) }),
    }));
  }

  async *watch({ signal }: CallOptions): AsyncGenerator<void> {
    const { clock } = this.#context;
    const { offers } = await this.#describe({ signal });
    if (!offers.includes('watch')) return;
    for (;;) {
      const sent = this.#revision;
      const startedAt = clock.monotonic();
      const { document } = await this.#client.exchange({
        operation: 'watch',
        body: () => ({ revision: sent, waitSeconds: WATCH_SECONDS }),
        schema: watchAnswer,
        signal,
        timeoutMs: (WATCH_SECONDS + 15) * 1000,
        attempts: 1,
        longLived: true,
      });
      const early = document.revision === sent && clock.monotonic() - startedAt < EARLY_PAUSE_MS;
      // A read may have seen it meanwhile.
      if (document.revision !== this.#revision) {
        this.#revision = document.revision;
        yield;
      }
      await clock.sleep(early ? EARLY_PAUSE_MS : WATCH_PAUSE_MS, { signal });
    }
  }

  /** The revision to send with a request: that of `previous`, where it was given for this very request to this very account. */
  #revisionOf(previous: Snapshot | undefined, key: string): string | undefined {
    if (previous === undefined || (previous.unknown?.size ?? 0) > 0) return undefined;
    const confirmed = this.#confirmed?.snapshot === previous ? this.#confirmed : confirmedBy(previous);
    return confirmed?.key === key ? confirmed.revision : undefined;
  }

  /** Apart from `read`: what it sees is not what the snapshots of others were confirmed by. */
  async #listByReading({ signal }: CallOptions): Promise<readonly SecretInfo[]> {
    const everything = { all: true, refs: [] };
    const from = this.#client.nameOf('read');
    const { document } = await this.#client.exchange({
      operation: 'read',
      body: () => everything,
      schema: readAnswer,
      signal,
    });
    if (document.unchanged === true) throw notTheProtocol(from, 'it says "unchanged" of a revision that was not sent');
    const { secrets, unknown = new Map() } = snapshotOf(document, everything, from);
    return [
      ...[...secrets].map(([name, { version }]) => ({ name, ...(version !== undefined && { version }) })),
      ...[...unknown.keys()].map((name) => ({ name })),
    ];
  }

  async #offers(what: 'list' | 'write', options: CallOptions): Promise<boolean> {
    const known = this.#description?.offers.includes(what) === true;
    return known || (await this.#describe(options)).offers.includes(what);
  }

  async #describe({ signal }: CallOptions): Promise<Description> {
    const { document } = await this.#client.exchange({ operation: '', schema: description, signal });
    this.#description = document;
    return document;
  }
}

function requestKey(account: string, all: boolean, refs: ReadRequest['refs']): string {
  return fingerprint(account, all, ...refs.map(refId).toSorted());
}

function confirmedBy(snapshot: Snapshot): Confirmed | undefined {
  const [, key, revision] = /^([\w-]{22}) (.+)$/s.exec(snapshot.revision ?? '') ?? [];
  return key === undefined || revision === undefined ? undefined : { snapshot, key, revision };
}

function wireChange(change: SecretChange): object {
  const { name, ifVersion } = change;
  return 'remove' in change
    ? { name, remove: true, ifVersion }
    : { name, valueBase64: Buffer.from(change.value.reveal()).toString('base64'), ifVersion };
}
