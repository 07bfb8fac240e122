import { gunzipSync, gzipSync } from 'node:zlib';
import type { CallOptions } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import type { KubeClient, SecretObject } from '@hikyaku/kube-client';
import { AGENT_LABEL, MANAGED_BY_LABEL, OWN } from './ownership.ts';
import type { Access } from './ownership.ts';

export interface KeptFile {
  readonly path: string;
  readonly text: string;
}

/** The key of the Secret. */
const ENTRY = 'files.json.gz';
/** What a config unpacks to at the most. */
const MOST_BYTES = 16 * 1024 * 1024;
const ROUNDS = 3;

/**
 * The files of the config that was last found good, in a Secret of the agent's namespace: for a restart while the config is broken. A Secret,
 * as a config tells what is kept where.
 */
export class LastGoodConfig {
  readonly #client: KubeClient;
  readonly #agent: string;
  /** What this process has kept last. */
  #kept: string | undefined;

  constructor(client: KubeClient, { agent }: Access) {
    this.#client = client;
    this.#agent = agent;
  }

  /** `undefined` where there is none that makes sense. Throws KubeError. */
  async read(options: CallOptions): Promise<readonly KeptFile[] | undefined> {
    return filesOf(await this.#get(options));
  }

  /** Writes them where they are not the ones that are there; another replica may keep them too. Throws KubeError. */
  async keep(files: readonly KeptFile[], options: CallOptions): Promise<void> {
    const text = JSON.stringify(files.map(({ path, text: content }) => ({ path, text: content })));
    if (this.#kept === text) return;
    for (let round = 1; ; round++) {
      const live = await this.#get(options);
      if (JSON.stringify(filesOf(live)) === text) break;
      try {
        await this.#put(text, live, options);
        break;
      } catch (error) {
        if (!isKubeError(error) || !CHANGED_MEANWHILE.has(error.code) || round === ROUNDS) throw error;
      }
    }
    this.#kept = text;
  }

  async #put(text: string, live: SecretObject | undefined, options: CallOptions): Promise<void> {
    const { uid, resourceVersion } = live?.metadata ?? {};
    const labels = { [AGENT_LABEL]: this.#agent, [MANAGED_BY_LABEL]: 'hikyaku' };
    const metadata = { namespace: this.#agent, name: OWN.lastConfig, labels };
    const data = { [ENTRY]: gzipSync(text).toString('base64') };
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque', data };
    if (live === undefined) await this.#client.secrets.create(secret, options);
    else await this.#client.secrets.replace({ ...secret, metadata: { ...metadata, uid, resourceVersion } }, options);
  }

  async #get(options: CallOptions): Promise<SecretObject | undefined> {
    return await this.#client.secrets.get(this.#agent, OWN.lastConfig, options).catch((error: unknown) => {
      if (isKubeError(error) && error.code === 'NOT_FOUND') return undefined;
      throw error;
    });
  }
}

const CHANGED_MEANWHILE: ReadonlySet<string> = new Set(['CONFLICT', 'ALREADY_EXISTS', 'NOT_FOUND']);

function filesOf(live: SecretObject | undefined): readonly KeptFile[] | undefined {
  const encoded = live?.data?.[ENTRY];
  return encoded === undefined ? undefined : parse(encoded);
}

function parse(encoded: string): readonly KeptFile[] | undefined {
  try {
    const text = gunzipSync(Buffer.from(encoded, 'base64'), { maxOutputLength: MOST_BYTES }).toString();
    const files: unknown = JSON.parse(text);
    return Array.isArray(files) && files.length > 0 && files.every(isKeptFile) ? files : undefined;
  } catch {
    return undefined; // somebody else has written it
  }
}

function isKeptFile(value: unknown): value is KeptFile {
  if (typeof value !== 'object' || value === null) return false;
  return 'path' in value && typeof value.path === 'string' && 'text' in value && typeof value.text === 'string';
}
