import { createHash } from 'node:crypto';
import type { RequestOptions } from 'node:https';
import type { KubeConfig } from '@kubernetes/client-node';
import { KubeConfig as KubeConfigClass } from '@kubernetes/client-node/dist/config.js';
import { KubeError } from './kube-error.ts';
import { networkCodeOf } from './network-error.ts';

export interface TlsSettings {
  readonly ca?: RequestOptions['ca'];
  readonly cert?: RequestOptions['cert'];
  readonly key?: RequestOptions['key'];
  readonly rejectUnauthorized?: boolean | undefined;
  readonly servername?: string | undefined;
}

export interface Access {
  /** Lower-case names; `authorization` among them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsSettings;
  /** Differs when a connection has to be made anew. */
  readonly tlsFingerprint: string;
}

const maximumAgeMs = 60_000;
const minimumRenewalMs = 1_000;
const maximumWaitMs = 120_000; // an exec plugin may wait for a person in front of a browser

/** What KubeConfig says about who we are, read again every 60 s and when the server refused it. */
export class Credentials {
  readonly #now: () => number;
  #kubeConfig: KubeConfig;
  #current: { readonly access: Access; readonly readAt: number } | undefined;
  #reading: Promise<Access> | undefined;
  #renewedAt = -Infinity;

  constructor(kubeConfig: KubeConfig, now: () => number) {
    this.#kubeConfig = kubeConfig;
    this.#now = now;
  }

  /** Without a promise where it can, as it stands in the way of every request. */
  current(): Access | Promise<Access> {
    const current = this.#current;
    if (current === undefined) return this.#read(false);
    if (this.#now() - current.readAt < maximumAgeMs) return current.access;
    // What was good a minute ago is likely still good when, for example, the token file is being replaced.
    return this.#read(false).catch(() => current.access);
  }

  /** After a 401. Undefined: there is nothing newer than what was refused. */
  async renewed(refused: Access): Promise<Access | undefined> {
    await this.#reading?.catch(() => undefined);
    let access = this.#current?.access;
    if (access === undefined || access === refused) {
      // Thousands of refused requests must not start a plugin each.
      if (this.#reading === undefined && this.#now() - this.#renewedAt < minimumRenewalMs) return undefined;
      access = await this.#read(true);
    }
    return sameAccess(access, refused) ? undefined : access;
  }

  #read(fresh: boolean): Promise<Access> {
    this.#reading ??= this.#readOnce(fresh).finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readOnce(fresh: boolean): Promise<Access> {
    // KubeConfig keeps token files for 60 s and exec credentials until they say they expire, if they do; a copy has
    // not read anything yet.
    if (fresh) this.#renewedAt = this.#now();
    if (fresh || this.#kubeConfig.getCurrentUser()?.authProvider?.name === 'tokenFile') {
      this.#kubeConfig = copy(this.#kubeConfig);
    }
    const access = await readAccess(this.#kubeConfig);
    this.#current = { access, readAt: this.#now() };
    return access;
  }
}

function copy(kubeConfig: KubeConfig): KubeConfig {
  const result = new KubeConfigClass();
  result.loadFromOptions({
    clusters: kubeConfig.clusters,
    contexts: kubeConfig.contexts,
    users: kubeConfig.users,
    currentContext: kubeConfig.currentContext,
  });
  return result;
}

async function readAccess(kubeConfig: KubeConfig): Promise<Access> {
  const options: RequestOptions = {};
  let timer: NodeJS.Timeout | undefined;
  try {
    await Promise.race([
      kubeConfig.applyToHTTPSOptions(options),
      new Promise((_, reject) => {
        timer = setTimeout(() => reject(Object.assign(new Error(), { code: 'TIMEOUT' })), maximumWaitMs);
      }),
    ]);
  } catch (error) {
    throw credentialsError(kubeConfig, error);
  } finally {
    clearTimeout(timer);
  }
  const { ca, cert, key, rejectUnauthorized, servername } = options;
  return {
    headers: headersOf(options),
    tls: {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
      ...(servername === undefined ? {} : { servername }),
    },
    tlsFingerprint: fingerprint([ca, cert, key, servername, rejectUnauthorized]),
  };
}

function headersOf(options: RequestOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    // A token file that an editor ended with a newline would make an illegal header.
    if (value !== undefined) headers[name.toLowerCase()] = String(value).trim();
  }
  if (typeof options.auth === 'string') {
    headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  }
  return headers;
}

function fingerprint(parts: readonly unknown[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    hash.update(Buffer.isBuffer(part) ? part : String(part)).update('\0');
  }
  return hash.digest('base64');
}

function sameAccess(one: Access, other: Access): boolean {
  return one.tlsFingerprint === other.tlsFingerprint && JSON.stringify(one.headers) === JSON.stringify(other.headers);
}

/** Keeps neither the plugin's output nor the error itself: both may hold a token. */
function credentialsError(kubeConfig: KubeConfig, thrown: unknown): KubeError {
  const user = kubeConfig.getCurrentUser();
  const command: unknown = user?.exec?.command;
  const networkCode = networkCodeOf(thrown);
  const because = networkCode === 'UNKNOWN' ? '' : ` (${networkCode})`;
  const message =
    typeof command === 'string'
      ? `credentials: the plugin ${command} of the kubeconfig failed${because}; kubectl get namespaces shows its output`
      : `credentials: those of user ${user?.name ?? 'unknown'} in the kubeconfig could not be read${because}`;
  return new KubeError('UNAUTHENTICATED', message, { networkCode });
}
