import { isNoticeCredential } from '@hikyaku/config';
import type { NoticesConfig, SourceConfig } from '@hikyaku/config';
import { isProviderError, ProviderError } from '@hikyaku/core';
import type { CallOptions, Clock, Notice, NoticeVerdict, SecretValue } from '@hikyaku/core';
import { demands } from '@hikyaku/engine';
import { isNoticeSecret, verifyNotice, verifySignedNotice } from '@hikyaku/provider-utils';
import { Credentials } from '../credentials/credentials.ts';
import type { CredentialSurroundings } from '../credentials/credentials.ts';
import type { CurrentConfig } from './live-config.ts';
import type { NoticeCheck } from './receiver.ts';

/** Whoever sends many notices has no secret read, and nothing opened, for each of them. */
const ASK_AGAIN_MS = 10_000;

/** What the config in force does not say. */
export type NoticeSurroundings = Omit<CredentialSurroundings, 'checkFile' | 'unboundOrigins'>;

/** The sources in use here that take notices, by name. */
export function noticeSources(
  { config, limits }: Pick<CurrentConfig, 'config' | 'limits'>,
  surroundings: NoticeSurroundings,
): ReadonlyMap<string, NoticeSource> {
  const { checkFile, unboundOrigins } = limits;
  const used = [...demands(config.secrets).keys()].flatMap((name) => config.sources.get(name) ?? []);
  return new Map(
    used.flatMap((source) => {
      const { notices } = source;
      if (notices === undefined) return [];
      return [
        [source.name, new NoticeSource(source, notices, { ...surroundings, checkFile, unboundOrigins })] as const,
      ];
    }),
  );
}

interface Secrets {
  readonly values: readonly SecretValue[];
  readonly problems: readonly ProviderError[];
}

/** A source that takes notices, with the secrets that they are signed with. */
export class NoticeSource {
  readonly #source: SourceConfig;
  readonly #notices: NoticesConfig;
  readonly #credentials: Credentials;
  readonly #clock: Clock;
  #known: { readonly until: number; readonly secrets: Promise<Secrets> } | undefined;

  constructor(source: SourceConfig, notices: NoticesConfig, surroundings: CredentialSurroundings) {
    this.#source = source;
    this.#notices = notices;
    this.#credentials = new Credentials(source, surroundings);
    this.#clock = surroundings.clock;
  }

  /** How many secrets it has now, and what keeps others from being used. */
  async secrets(
    options: CallOptions,
  ): Promise<{ readonly values: number; readonly problems: readonly ProviderError[] }> {
    const { values, problems } = await this.#secrets(options);
    return { values: values.length, problems };
  }

  readonly check: NoticeCheck = async (notice, options) => {
    const { values, problems } = await this.#secrets(options);
    const [problem] = problems;
    if (values.length === 0 && problem !== undefined) throw problem;
    return this.#verdict(notice, values);
  };

  #verdict(notice: Notice, secrets: readonly SecretValue[]): NoticeVerdict {
    const { provider } = this.#source;
    const { header } = this.#notices;
    if (header === undefined && provider.verifyNotice === undefined) {
      const { body, headers, now } = notice;
      return verifyNotice(body, { headers, now, secrets });
    }
    const verdicts = secrets.map((secret) =>
      header === undefined ? provider.verifyNotice?.(notice, secret) : verifySignedNotice(notice, { header, secret }),
    );
    const none = { genuine: false, because: 'there is no secret' } as const;
    return verdicts.find((verdict) => verdict?.genuine) ?? verdicts[0] ?? none;
  }

  #secrets(options: CallOptions): Promise<Secrets> {
    const now = this.#clock.monotonic();
    if (this.#known === undefined || this.#known.until <= now)
      this.#known = { until: now + ASK_AGAIN_MS, secrets: this.#read(options) };
    return this.#known.secrets;
  }

  async #read(options: CallOptions): Promise<Secrets> {
    const values: SecretValue[] = [];
    const problems: ProviderError[] = [];
    for (const field of this.#source.credentials.keys()) {
      if (!isNoticeCredential(field)) continue;
      try {
        values.push(this.#usable(field, await this.#credentials.get(field, options)));
      } catch (error) {
        options.signal.throwIfAborted();
        if (!isProviderError(error)) throw error;
        problems.push(error);
      }
    }
    return { values, problems };
  }

  #usable(field: string, secret: SecretValue): SecretValue {
    const isStandard = this.#notices.header === undefined && this.#source.provider.verifyNotice === undefined;
    if (!isStandard || isNoticeSecret(secret)) return secret;
    throw new ProviderError(
      'INVALID_CONFIG',
      `${field} of source ${this.#source.name} is no secret of Standard Webhooks, which is whsec_ and the base64 of 24 to 64 random bytes; where the service signs in another way, \`header\` names its header`,
    );
  }
}
