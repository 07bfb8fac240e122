import type { CallOptions } from './call-options.ts';
import { isProviderError, ProviderError } from './provider-error.ts';
import { previousIfSame } from './same-snapshot.ts';
import { refId } from './secrets-client.ts';
import type { ReadRequest, Secret, SecretRef, SecretsClient, Snapshot } from './secrets-client.ts';

export interface ReadEachOptions {
  /** How many `get` calls may run at once; 8 by default. */
  readonly concurrency?: number;
  /** Names everything the source has; without it a request for everything is refused with `UNSUPPORTED`. */
  readonly list?: (options: CallOptions) => Promise<readonly string[]>;
}

/**
 * Lifts a service that gives one secret by name to {@link SecretsClient.read}: bounded concurrency, the previous Secret
 * passed in (return it unchanged when it still holds), `undefined` for a secret that does not exist, and a thrown error put
 * into `unknown`. `UNAUTHENTICATED` and `NOT_FOUND` concern the whole source and end the read.
 */
export function readEach(
  get: (ref: SecretRef, options: CallOptions & { readonly previous?: Secret }) => Promise<Secret | undefined>,
  { concurrency = 8, list }: ReadEachOptions = {},
): SecretsClient['read'] {
  return async function read({ all, wants = () => true, refs, previous, signal }: ReadRequest): Promise<Snapshot> {
    if (all && list === undefined) {
      throw new ProviderError('UNSUPPORTED', 'this provider cannot list its secrets: name each one under `data`');
    }
    const wanted = new Map(refs.map((ref) => [refId(ref), ref]));
    if (all && list !== undefined)
      for (const name of await list({ signal })) if (wants(name)) wanted.set(refId({ name }), { name });

    const secrets = new Map<string, Secret>();
    const unknown = new Map<string, ProviderError>();
    const queue = [...wanted];
    const stop = new AbortController();
    const readSignal = AbortSignal.any([signal, stop.signal]);

    async function work(): Promise<void> {
      for (let next = queue.shift(); next !== undefined && !stop.signal.aborted; next = queue.shift()) {
        const [id, ref] = next;
        const before = previous?.secrets.get(id);
        try {
          const secret = await get(ref, { signal: readSignal, ...(before && { previous: before }) });
          if (secret !== undefined) secrets.set(id, secret);
        } catch (error) {
          signal.throwIfAborted();
          if (!isProviderError(error) || error.code === 'UNAUTHENTICATED' || error.code === 'NOT_FOUND') {
            stop.abort(error);
            throw error;
          }
          unknown.set(id, error);
        }
      }
    }
    await Promise.all(Array.from({ length: Math.min(concurrency, queue.length) }, work));

    return previousIfSame(previous, { secrets, ...(unknown.size > 0 && { unknown }) });
  };
}
