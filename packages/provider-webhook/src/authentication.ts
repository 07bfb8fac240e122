import { ProviderError } from '@hikyaku/core';
import type { CallOptions, ClientTls, ProviderContext, SecretValue } from '@hikyaku/core';
import { AccessTokens, fingerprint } from '@hikyaku/provider-utils';
import type { AccessToken } from '@hikyaku/provider-utils';
import { ClientCredentials } from './client-credentials.ts';
import { headerNameProblem, isHeaderValue } from './header-rules.ts';
import type { TemplatedConfig } from './templated-config.ts';

/** What shows the service who asks, for one request. */
export interface Proof {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls?: ClientTls;
  /** Equal for the same account, and no credential. */
  readonly account: string;
  readonly used: ReadonlyMap<string, SecretValue>;
  readonly accessToken?: AccessToken;
}

const HEADER = 'headers.';

/** The credentials of a source, as they are at each request. */
export class Authentication {
  readonly #config: TemplatedConfig;
  readonly #context: ProviderContext;
  readonly #paths: ReadonlySet<string>;
  readonly #client: ClientCredentials | undefined;
  readonly #accessTokens: AccessTokens | undefined;

  /** Throws `INVALID_CONFIG` when the credentials do not go together. */
  constructor(config: TemplatedConfig, context: ProviderContext) {
    this.#config = config;
    this.#context = context;
    this.#paths = new Set(context.credentialPaths);
    const client = config.oauth && new ClientCredentials(config.oauth, config, context);
    this.#client = client;
    this.#accessTokens =
      client && new AccessTokens({ clock: context.clock, request: (options) => client.request(options) });
    checkTogether(config, this.#paths);
  }

  get({ signal }: CallOptions): Promise<Proof> {
    return this.#prove(signal, undefined);
  }

  /** Another proof, after one was refused; `undefined` when there is no other. */
  async renew(refused: Proof, { signal }: CallOptions): Promise<Proof | undefined> {
    const fresh = await this.#prove(signal, refused);
    const isOther =
      fresh.accessToken !== refused.accessToken ||
      [...fresh.used].some(([path, value]) => refused.used.get(path)?.equals(value) !== true);
    return isOther ? fresh : undefined;
  }

  async #prove(signal: AbortSignal, refused: Proof | undefined): Promise<Proof> {
    const { basic } = this.#config;
    const used = new Map<string, SecretValue>();
    const headers: Record<string, string> = {};
    const who: string[] = [];

    const credential = async (path: string): Promise<SecretValue> => {
      const before = refused?.used.get(path);
      const value = await this.#context.credential(path, { signal, ...(before !== undefined && { refused: before }) });
      used.set(path, value);
      return value;
    };

    if (this.#paths.has('token')) {
      const token = headerText('token', await credential('token'));
      headers['authorization'] = `Bearer ${token}`;
      who.push('token', token);
    }
    if (basic !== undefined) {
      const password = plainText('basic.password', await credential('basic.password'));
      headers['authorization'] = `Basic ${Buffer.from(`${basic.username}:${password}`).toString('base64')}`;
      who.push('basic', basic.username);
    }
    for (const path of this.#paths) {
      if (!path.startsWith(HEADER)) continue;
      const text = headerText(path, await credential(path));
      const name = path.slice(HEADER.length).toLowerCase();
      headers[name] = text;
      who.push(name, text);
    }
    let tls: ClientTls | undefined;
    if (this.#paths.has('clientCertificate')) {
      const cert = plainText('clientCertificate', await credential('clientCertificate'), { lines: true });
      const key = plainText('clientKey', await credential('clientKey'), { lines: true });
      tls = { cert, key };
      who.push('certificate', cert);
    }
    const accessToken = await this.#accessTokens?.get({
      signal,
      ...(refused?.accessToken !== undefined && { refused: refused.accessToken }),
    });
    if (accessToken !== undefined) {
      headers['authorization'] = `Bearer ${accessToken.text}`;
      who.push('oauth', this.#client?.account ?? '');
    }
    return {
      headers,
      account: fingerprint('hikyaku webhook', ...who),
      used,
      ...(tls !== undefined && { tls }),
      ...(accessToken !== undefined && { accessToken }),
    };
  }
}

function checkTogether({ basic, oauth }: TemplatedConfig, paths: ReadonlySet<string>): void {
  if ((basic !== undefined) !== paths.has('basic.password')) {
    throw new ProviderError('INVALID_CONFIG', '`basic` needs both `username` and `password`');
  }
  if ((oauth !== undefined) !== paths.has('oauth.clientSecret')) {
    throw new ProviderError('INVALID_CONFIG', '`oauth` needs `tokenUrl`, `clientId` and `clientSecret`');
  }
  if (paths.has('clientCertificate') !== paths.has('clientKey')) {
    throw new ProviderError('INVALID_CONFIG', '`clientCertificate` and `clientKey` go together');
  }
  const seen = new Set<string>();
  for (const path of paths) {
    if (!path.startsWith(HEADER)) continue;
    const name = path.slice(HEADER.length);
    const problem = headerNameProblem(name);
    if (problem !== undefined)
      throw new ProviderError('INVALID_CONFIG', `the header ${JSON.stringify(name)} under \`headers\` ${problem}`);
    if (seen.has(name.toLowerCase()))
      throw new ProviderError('INVALID_CONFIG', `the header ${name} stands twice under \`headers\``);
    seen.add(name.toLowerCase());
  }
  const fillAuthorization = [
    ...(paths.has('token') ? ['`token`'] : []),
    ...(basic === undefined ? [] : ['`basic`']),
    ...(oauth === undefined ? [] : ['`oauth`']),
    ...(seen.has('authorization') ? ['the header `Authorization`'] : []),
  ];
  if (fillAuthorization.length > 1) {
    throw new ProviderError(
      'INVALID_CONFIG',
      `${fillAuthorization.join(' and ')} fill the same header: use one of them`,
    );
  }
}

function headerText(path: string, value: SecretValue): string {
  // A file's last line break belongs to the file, not to the credential.
  const text = value.text()?.trim() ?? '';
  const isFit = path === 'token' ? /^[\x21-\x7e]+$/.test(text) : isHeaderValue(text);
  if (isFit) return text;
  throw new ProviderError(
    'INVALID_CONFIG',
    `what \`${path}\` points to does not fit into a header: it is empty, or has line breaks or other characters than visible ASCII`,
  );
}

function plainText(path: string, value: SecretValue, { lines = false }: { readonly lines?: boolean } = {}): string {
  const text = value.text();
  if (text !== undefined && text !== '' && (lines || !/\p{Cc}/u.test(text))) return text;
  throw new ProviderError(
    'INVALID_CONFIG',
    `what \`${path}\` points to is empty, is not UTF-8 text or has control characters`,
  );
}
