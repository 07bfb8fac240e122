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
import { baseUrl, fingerprint } from '@hikyaku/provider-utils';
import { DopplerClient } from './doppler-client.ts';
import type { DopplerConfig } from './doppler-config.ts';
import { isManagedName, parseDownload } from './parse-download.ts';
import type { Content } from './parse-download.ts';
import { writeChanges } from './write-changes.ts';

/** What one ETag stands for. `key` tells for whom and for what it was given; any other request must not send it. */
interface Held {
  readonly key: string;
  readonly etag: string;
  readonly content: Content;
}

/** Reads and writes one config. Keeps the last good content in memory, so that "unchanged" is answered for any set of names. */
export class DopplerSecretsClient implements SecretsClient {
  readonly #config: DopplerConfig;
  readonly #client: DopplerClient;
  #held: Held | undefined;
  #writes = 0;
  /** How many writes the content that is held has seen. */
  #writesSeen = 0;

  constructor(config: DopplerConfig, context: ProviderContext) {
    this.#config = config;
    this.#client = new DopplerClient(config, context);
  }

  async read({ refs, previous, signal }: ReadRequest): Promise<Snapshot> {
    const refused = this.#refused(refs);
    // A stored snapshot may have lost what it could not know, and then it must not stand for it.
    const stored = refused.size === 0 && (previous?.unknown?.size ?? 0) === 0 ? heldFrom(previous) : undefined;

    const writes = this.#writes;
    // After a write nothing that was known before is confirmed, by whomever.
    const candidates = writes === this.#writesSeen ? [this.#held, stored] : [];
    const download = await this.#client.download({
      signal,
      known: (account) => candidates.find((held) => held?.key === this.#keyOf(account)),
    });
    if (download.unchanged !== undefined) return previousIfSame(previous, snapshotOf(download.unchanged, refused));

    const key = this.#keyOf(download.account);
    const content = parseDownload(download.body, this.#config);
    this.#held = download.etag === undefined ? undefined : { key, etag: download.etag, content };
    this.#writesSeen = writes;
    return previousIfSame(previous, snapshotOf({ key, etag: download.etag, content }, refused));
  }

  async list(options: CallOptions): Promise<readonly SecretInfo[]> {
    const names = await this.#client.names(options);
    return names.filter((name) => this.#config.managedSecrets || !isManagedName(name)).map((name) => ({ name }));
  }

  async write(changes: readonly SecretChange[], options: CallOptions): Promise<readonly WriteResult[]> {
    try {
      return await writeChanges(this.#client, changes, options);
    } finally {
      this.#writes++;
    }
  }

  /** Everything besides the data itself that decides what an answer looks like. */
  #keyOf(account: string): string {
    const { url, project, config, managedSecrets } = this.#config;
    return fingerprint(account, baseUrl(url), project ?? null, config ?? null, managedSecrets);
  }

  #refused(refs: ReadRequest['refs']): ReadonlyMap<string, ProviderError> {
    const refused = new Map<string, ProviderError>();
    for (const ref of refs) {
      if (ref.version !== undefined) {
        const message = `Doppler keeps no versions to pin: remove \`version\` from ${ref.name}`;
        refused.set(refId(ref), new ProviderError('UNSUPPORTED', message));
      } else if (!this.#config.managedSecrets && isManagedName(ref.name)) {
        const message = `${ref.name} is added by Doppler itself and is left out: set \`managedSecrets: true\` to use it`;
        refused.set(refId(ref), new ProviderError('INVALID_CONFIG', message));
      }
    }
    return refused;
  }
}

function snapshotOf(
  { key, etag, content }: Omit<Held, 'etag'> & { readonly etag: string | undefined },
  refused: ReadonlyMap<string, ProviderError>,
): Snapshot {
  const unknown = new Map([...content.unknown, ...refused]);
  if (unknown.size > 0) return { secrets: content.secrets, unknown };
  return { secrets: content.secrets, ...(etag !== undefined && { revision: `${key} ${etag}` }) };
}

function heldFrom(snapshot: Snapshot | undefined): Held | undefined {
  const [, key, etag] = /^([\w-]{22}) (.+)$/.exec(snapshot?.revision ?? '') ?? [];
  if (snapshot === undefined || key === undefined || etag === undefined) return undefined;
  return { key, etag, content: { secrets: snapshot.secrets, unknown: new Map() } };
}
