import type { CallOptions } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import type { ConfigMapObject, KubeClient } from '@hikyaku/kube-client';
import { OWN } from './ownership.ts';
import type { Access } from './ownership.ts';
import type { HoldStatus, StatusDocument } from './status-document.ts';
import { statusText } from './status-text.ts';

/** The key of the ConfigMap. */
const ENTRY = 'status.json';
const WRITE_ROUNDS = 3;

/** The ConfigMap in which the agent reports. */
export class StatusObject {
  readonly #client: KubeClient;
  readonly #agent: string;
  #live: ConfigMapObject | undefined;

  constructor(client: KubeClient, { agent }: Access) {
    this.#client = client;
    this.#agent = agent;
  }

  /** `undefined` where there is none that makes sense. Throws KubeError. */
  async read(options: CallOptions): Promise<StatusDocument | undefined> {
    try {
      this.#live = await this.#client.configMaps.get(this.#agent, OWN.status, options);
    } catch (error) {
      if (!isKubeError(error) || error.code !== 'NOT_FOUND') throw error;
      this.#live = undefined;
    }
    return parse(this.#live?.data?.[ENTRY]);
  }

  /** Puts it in the place of what is there, whoever has written that. Throws KubeError. */
  async write(document: StatusDocument, options: CallOptions): Promise<void> {
    const data = { [ENTRY]: statusText(document) };
    for (let round = 1; ; round++) {
      try {
        if (this.#live === undefined) await this.read(options);
        await this.#put(data, options);
        return;
      } catch (error) {
        this.#live = undefined;
        const again = isKubeError(error) && AGAIN.has(error.code) && round < WRITE_ROUNDS;
        if (!again) throw error;
      }
    }
  }

  async #put(data: Readonly<Record<string, string>>, options: CallOptions): Promise<void> {
    const { configMaps } = this.#client;
    const live = this.#live;
    if (live === undefined) {
      const metadata = { namespace: this.#agent, name: OWN.status };
      await configMaps.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data }, options);
      return;
    }
    const { binaryData: _, ...rest } = live;
    const written = await configMaps.replace({ ...rest, data }, options);
    this.#live = { ...rest, data, metadata: { ...live.metadata, ...written } };
  }
}

/** Made, changed or deleted by somebody else since it was read. */
const AGAIN: ReadonlySet<string> = new Set(['CONFLICT', 'ALREADY_EXISTS', 'NOT_FOUND']);

/** Whoever may write the ConfigMap may have written anything: what is relied on is looked at. */
function parse(text: string | undefined): StatusDocument | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
  if (!isRecord(parsed) || parsed['version'] !== 1 || !isRecord(parsed['agent']) || !isRecord(parsed['config']))
    return undefined;
  const { config, sources, secrets, pushes, restarts, holds } = parsed;
  const entries = (value: unknown) =>
    Object.fromEntries(
      Object.entries(isRecord(value) ? value : {}).flatMap(([name, one]) =>
        isRecord(one) && typeof one['state'] === 'string' ? [[name, withFitting(one)]] : [],
      ),
    );
  const checked = {
    ...parsed,
    config: withFitting(config),
    sources: entries(sources),
    secrets: entries(secrets),
    pushes: entries(pushes),
    restarts: entries(restarts),
    holds: Array.isArray(holds) ? holds.filter(isHold) : [],
  };
  return checked as unknown as StatusDocument;
}

/** What is read of these fields is relied on; one that holds something else is left out. */
const FITS: Readonly<Record<string, (value: unknown) => boolean>> = {
  problem: isText,
  undecided: isNumber,
  code: isText,
  message: isText,
  messages: isTexts,
  // Of a source how many there are, of a restart which.
  secrets: (value) => isNumber(value) || isTexts(value),
};

function withFitting(one: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(one).filter(([key, value]) => FITS[key]?.(value) ?? true));
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number';
}

function isHold(value: unknown): value is HoldStatus {
  if (!isRecord(value) || typeof value['scope'] !== 'string' || typeof value['digest'] !== 'string') return false;
  return isTexts(value['messages']) && Array.isArray(value['changes']) && value['changes'].every(isChange);
}

function isChange(value: unknown): boolean {
  if (!isRecord(value) || typeof value['id'] !== 'string' || !isTexts(value['removed'])) return false;
  return value['overwritten'] === undefined || isTexts(value['overwritten']);
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((text) => typeof text === 'string');
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
