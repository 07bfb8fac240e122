import { SecretValue } from '@hikyaku/core';
import type { CallOptions, Clock, Secret } from '@hikyaku/core';
import type { HttpAnswer } from '@hikyaku/provider-utils';
import { describedVault, invalidAnswer, listPage, parseAnswer, unveiledSecret, writtenSecret } from './parse-answer.ts';
import type { SakuraClient, SakuraRequest } from './sakura-client.ts';

/** The latest version of every secret, by name. */
export type Versions = ReadonlyMap<string, number>;

/** A secret that is wanted; without a version the latest. */
export interface Wanted {
  readonly name: string;
  readonly version?: number;
}

/** One vault of the Secret Manager. */
export class Vault {
  readonly #id: string;
  readonly #client: SakuraClient;
  readonly #clock: Clock;

  constructor(id: string, client: SakuraClient, clock: Clock) {
    this.#id = id;
    this.#client = client;
    this.#clock = clock;
  }

  /**
   * Everything in the vault, proven to be all of it: a name that is not in it does not exist. A list that comes in parts is
   * read twice, because what is deleted between two parts shifts the rest; an empty one is believed when the vault exists.
   */
  async list(options: CallOptions): Promise<Versions> {
    const first = await this.#listOnce(options);
    if (first.parts > 1) return new Map([...first.versions, ...(await this.#listOnce(options)).versions]);
    if (first.versions.size === 0) await this.#mustExist(options);
    return first.versions;
  }

  /**
   * The value, with the version that SAKURA says it has: that may be a later one than `listed`. `undefined` where SAKURA says
   * 404, which proves nothing yet: it says so of a vault that is gone, too.
   */
  async unveil(
    { name, version }: Wanted,
    { signal, listed }: CallOptions & { readonly listed: number },
  ): Promise<Secret | undefined> {
    const what = this.#described(name);
    const answer = await this.#send('/secrets/unveil', {
      signal,
      method: 'POST',
      purpose: 'unveil',
      what,
      body: { Secret: { Name: name, ...(version !== undefined && { Version: version }) } },
      wanted: [200, 404],
    });
    if (answer.status === 404) return undefined;
    const { Secret } = parseAnswer(unveiledSecret, answer.body, what);
    if (Secret.Name !== name) throw invalidAnswer(what, 'it is about another secret');
    if (version !== undefined && (Secret.Version ?? version) !== version)
      throw invalidAnswer(what, 'it is about another version');
    return {
      value: SecretValue.of(Secret.Value),
      version: String(Secret.Version ?? version ?? listed),
      readAt: this.#clock.now(),
    };
  }

  /** Creates or updates; the version that this made. */
  async put(name: string, value: string, { signal }: CallOptions): Promise<number> {
    const what = this.#described(name);
    const answer = await this.#send('/secrets', {
      signal,
      method: 'POST',
      purpose: 'write',
      what,
      body: { Secret: { Name: name, Value: value } },
      wanted: [200, 201],
    });
    const { Secret } = parseAnswer(writtenSecret, answer.body, what);
    if (Secret.Name !== name) throw invalidAnswer(what, 'it is about another secret');
    return Secret.LatestVersion;
  }

  /** `false` where SAKURA says 404, which proves nothing yet. */
  async remove(name: string, { signal }: CallOptions): Promise<boolean> {
    const answer = await this.#send('/secrets', {
      signal,
      method: 'DELETE',
      purpose: 'write',
      what: this.#described(name),
      body: { Secret: { Name: name } },
      wanted: [200, 204, 404],
    });
    return answer.status !== 404;
  }

  async #listOnce({ signal }: CallOptions): Promise<{ readonly versions: Versions; readonly parts: number }> {
    const what = `vault ${this.#id}`;
    const request = { signal, method: 'GET', purpose: 'list', what, wanted: [200] } as const;
    const versions = new Map<string, number>();
    for (let parts = 0; ; parts++) {
      const from = versions.size;
      const query = parts === 0 ? '' : `?From=${from}&Count=100`;
      const page = parseAnswer(listPage, (await this.#send(`/secrets${query}`, request)).body, what);
      for (const { Name, LatestVersion } of page.Secrets) versions.set(Name, LatestVersion);

      const { length } = page.Secrets;
      const total = page.Total ?? undefined;
      if ((page.Count ?? length) !== length) throw invalidAnswer(what, 'the list has not as many secrets as it says');
      if ((page.From ?? from) !== from) throw invalidAnswer(what, 'the list is another part than asked for');
      if (versions.size !== from + length) throw invalidAnswer(what, 'a name stands in the list twice');
      if (total !== undefined && versions.size > total)
        throw invalidAnswer(what, 'the list has more secrets than it says');
      // Without a total, only an empty part shows the end.
      if (total === undefined ? length === 0 : versions.size === total) return { versions, parts: parts + 1 };
      if (length === 0) throw invalidAnswer(what, 'the list ends before it is complete');
    }
  }

  /** SAKURA's own mock answers with an empty list for a vault that does not exist. */
  async #mustExist({ signal }: CallOptions): Promise<void> {
    const what = `vault ${this.#id}`;
    const answer = await this.#send('', { signal, method: 'GET', purpose: 'list', what, wanted: [200] });
    const { Vault: described } = parseAnswer(describedVault, answer.body, what);
    if (described.ID !== this.#id) throw invalidAnswer(what, 'it is about another vault');
  }

  #send(path: string, request: Omit<SakuraRequest, 'path'>): Promise<HttpAnswer> {
    return this.#client.send({ ...request, path: `/vaults/${this.#id}${path}` });
  }

  #described(name: string): string {
    return `secret ${shownName(name)} of vault ${this.#id}`;
  }
}

/** Names are free text; what could change the look of a line is left out. */
export function shownName(name: string): string {
  return name.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '\uFFFD');
}
