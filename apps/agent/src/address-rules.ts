import { ADDRCONFIG } from 'node:dns';
import type { LookupAddress } from 'node:dns';
import { lookup as lookUp } from 'node:dns/promises';
import { isIP } from 'node:net';
import { ProviderError } from '@hikyaku/core';
import { addressKind, sameAddress } from './address-kind.ts';
import type { AddressKind } from './address-kind.ts';
import { isInPod } from './in-pod.ts';

/** All addresses of a name. */
export type Lookup = (name: string) => Promise<readonly LookupAddress[]>;

export interface AddressRulesOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Named by whoever starts the agent: no rule holds for them. */
  readonly allowedOrigins?: readonly string[] | undefined;
  /**
   * The only origins, besides the allowed ones, where grants say so. What they say in so many words may be reached: an address,
   * `localhost`, the API server by its name. What any other name leads to is held to the rules.
   */
  readonly grantedOrigins?: readonly string[] | undefined;
  /** The system's by default. */
  readonly lookup?: Lookup;
}

interface Target {
  /** Without brackets, and without the dot at the end of a full name. */
  readonly host: string;
  readonly port: number;
}

const MEANING: Readonly<Record<AddressKind, string>> = {
  loopback: 'a loopback address: the machine or the pod of the agent itself',
  'link-local': 'a link-local address, where clouds give out credentials of the machine',
  metadata: 'an address where a cloud gives out credentials of the machine',
  unspecified: 'an unspecified address: the machine or the pod of the agent itself',
};
const API_SERVER = 'the API server of this cluster';

/**
 * Where no request goes on behalf of a source, because the config alone must not open what surrounds the agent:
 *
 * - everywhere, a name must not lead to loopback, link-local and unspecified addresses or to a cloud's metadata, and a name
 *   under `localhost` must lead to loopback;
 * - in a pod (`KUBERNETES_SERVICE_HOST` is set) these addresses, `localhost` and the API server may not be written either.
 */
export class AddressRules {
  readonly #allowed: ReadonlySet<string>;
  readonly #granted: ReadonlySet<string> | undefined;
  readonly #lookup: Lookup;
  readonly #inPod: boolean;
  readonly #apiServer: Target | undefined;

  constructor({ env, allowedOrigins = [], grantedOrigins, lookup = systemLookup }: AddressRulesOptions) {
    this.#allowed = originsOf(allowedOrigins);
    this.#granted = grantedOrigins && originsOf(grantedOrigins);
    this.#lookup = lookup;
    const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '' } = env;
    this.#inPod = isInPod({ env });
    const apiServer = URL.parse(`https://${isIP(host) === 6 ? `[${host}]` : host}:${port}`);
    if (this.#inPod && apiServer !== null) this.#apiServer = targetOf(apiServer.origin);
  }

  /** Throws `FORBIDDEN` where an origin, as it is written, is one that no source may reach. Nothing is looked up. */
  check(origin: string): void {
    if (this.#allowed.has(origin) || this.#granted?.has(origin) === true) return;
    if (this.#granted !== undefined) throw notGranted(origin);
    if (!this.#inPod) return;
    const { host, port } = targetOf(origin);
    if (isLocalhost(host)) throw refusal(origin, `${host} is the pod of the agent itself`);
    const kind = isIP(host) === 0 ? undefined : addressKind(host);
    if (kind !== undefined) throw refusal(origin, `${host} is ${MEANING[kind]}`);
    if (isApiServerName(host) || (host === this.#apiServer?.host && port === this.#apiServer.port))
      throw refusal(origin, `${host} is ${API_SERVER}`);
  }

  /**
   * The addresses to connect to. Rejects with `FORBIDDEN` where one of them is refused, so that a name gains nothing by several
   * addresses; and nothing by changing them, as long as these are the ones that are used.
   */
  async resolve(origin: string): Promise<readonly LookupAddress[]> {
    this.check(origin);
    const { host, port } = targetOf(origin);
    const addresses = await this.#addressesOf(host);
    // Who granted an ordinary name did not mean whatever it leads to today: its DNS may be in other hands.
    const isGranted = this.#granted?.has(origin) === true;
    if (this.#allowed.has(origin) || (isGranted && this.#saysWhereItLeads(host))) return addresses;
    const apiServer = port === this.#apiServer?.port ? await this.#addressesOf(this.#apiServer.host) : [];
    const isName = isIP(host) === 0;
    for (const { address } of addresses) {
      const meaning =
        (isName ? refusedMeaning(host, addressKind(address)) : undefined) ??
        (apiServer.some((one) => sameAddress(one.address, address)) ? API_SERVER : undefined);
      if (meaning !== undefined)
        throw refusal(origin, `${host} ${isName ? `resolves to ${address},` : 'is'} ${meaning}`, isGranted);
    }
    return addresses;
  }

  #saysWhereItLeads(host: string): boolean {
    return isIP(host) !== 0 || isLocalhost(host) || isApiServerName(host) || host === this.#apiServer?.host;
  }

  async #addressesOf(host: string): Promise<readonly LookupAddress[]> {
    const family = isIP(host);
    return family === 0 ? this.#lookup(host) : [{ address: host, family }];
  }
}

function originsOf(texts: readonly string[]): ReadonlySet<string> {
  return new Set(texts.map((text) => new URL(text).origin));
}

/** What is wrong with an address of a name, in words. */
function refusedMeaning(name: string, kind: AddressKind | undefined): string | undefined {
  if (!isLocalhost(name)) return kind && MEANING[kind];
  return kind === 'loopback' ? undefined : 'which is no loopback address';
}

function systemLookup(name: string): Promise<readonly LookupAddress[]> {
  // As net.connect asks: no IPv6 addresses on a machine without IPv6.
  return lookUp(name, { all: true, hints: ADDRCONFIG });
}

function targetOf(origin: string): Target {
  const { hostname, port, protocol } = new URL(origin);
  return {
    host: hostname.replaceAll(/^\[|\]$|\.$/g, ''),
    port: Number(port || (protocol === 'https:' ? 443 : 80)),
  };
}

function isLocalhost(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost');
}

function isApiServerName(host: string): boolean {
  return /^kubernetes\.default(\.svc(\..+)?)?$/.test(host);
}

/** Whether an origin, as it is written, is one that no source in a pod may reach unless it is granted. */
export function surroundsPod(origin: string): boolean {
  try {
    new AddressRules({ env: { KUBERNETES_SERVICE_HOST: 'kubernetes.default.svc' } }).check(origin);
    return false;
  } catch {
    return true;
  }
}

function notGranted(origin: string): ProviderError {
  return new ProviderError(
    'FORBIDDEN',
    `a request to ${origin} was refused: it is not among the origins that are granted. Who approves that adds it to origins in grants.yaml`,
  );
}

function refusal(origin: string, why: string, isGranted = false): ProviderError {
  const grant = isGranted ? ': granting a name does not grant that' : ', or grant it: origins in grants.yaml';
  return new ProviderError(
    'FORBIDDEN',
    `a request to ${origin} was refused: ${why}. If a source is meant to reach it, start the agent with --allow-origin ${origin}${grant}`,
  );
}
