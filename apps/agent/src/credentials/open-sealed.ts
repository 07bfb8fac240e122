import type { SealedReference, SourceConfig } from '@hikyaku/config';
import { isProviderError, ProviderError } from '@hikyaku/core';
import type { CallOptions } from '@hikyaku/core';
import { bindingProblem, fingerprintOf, readHeader, SealedError } from '@hikyaku/sealing';
import type { Binding, Opened, SealedHeader } from '@hikyaku/sealing';
import { bindingOfCredential } from './binding-of-credential.ts';
import type { BindingOptions } from './binding-of-credential.ts';
import { invalid, nameOf } from './credential-place.ts';
import type { CredentialPlace } from './credential-place.ts';
import type { SealedValues } from './sealed-values.ts';

export interface OpenSealedOptions extends CallOptions, BindingOptions {}

/**
 * Opens a sealed credential, and gives it out only where it is asked for what it was sealed for. Without a binding in it, only where the
 * config says `unbound: true`. Rejects with a ProviderError that names source, field and line.
 */
export async function openSealed(
  source: SourceConfig,
  field: string,
  sealed: SealedReference,
  values: SealedValues,
  { signal, checkFile }: OpenSealedOptions,
): Promise<Opened> {
  const place = { source, field, position: sealed.position };
  const opened = await open(place, sealed.text, values, { signal });
  const { binding } = opened.header;
  if (binding === undefined) {
    if (sealed.unbound) return opened;
    throw invalid(
      place,
      'is refused: it does not say where it may be sent, as plain age made it. Seal it with hikyaku seal, or write `unbound: true` beside it',
    );
  }
  const problem = bindingProblem(binding, await asked(place, source, { checkFile }));
  if (problem === undefined) return opened;
  throw invalid(place, `is refused: ${problem}`);
}

async function asked(place: CredentialPlace, source: SourceConfig, options: BindingOptions): Promise<Binding> {
  try {
    return await bindingOfCredential(source, place.field, options);
  } catch (error) {
    throw isProviderError(error) ? invalid(place, `is refused: ${error.message}`) : error;
  }
}

async function open(
  place: CredentialPlace,
  text: string,
  values: SealedValues,
  { signal }: CallOptions,
): Promise<Opened> {
  try {
    return await values.open(text, { signal });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SealedError) throw await refusal(place, text, values, error, { signal });
    if (isProviderError(error)) {
      const { code, retryable, retryAfterMs } = error;
      throw new ProviderError(code, `${nameOf(place)} is sealed, and cannot be opened: ${error.message}`, {
        retryable,
        ...(retryAfterMs !== undefined && { retryAfterMs }),
      });
    }
    // Its own message could hold anything.
    throw new ProviderError('UNAVAILABLE', `${nameOf(place)} cannot be opened now: the process that opens it failed`, {
      cause: error,
    });
  }
}

async function refusal(
  place: CredentialPlace,
  text: string,
  values: SealedValues,
  error: SealedError,
  { signal }: CallOptions,
): Promise<ProviderError> {
  if (error.code !== 'NOT_FOR_THIS_KEY') return invalid(place, `cannot be opened: ${error.message}`);
  try {
    const own = await values.recipients({ signal });
    const cluster = await values.identity.cluster({ signal });
    return invalid(place, `cannot be opened: ${notForUs(await readHeader(text), own, cluster)}`);
  } catch {
    signal.throwIfAborted();
    return invalid(place, `cannot be opened: ${error.message}`);
  }
}

function notForUs({ recipients }: SealedHeader, own: readonly string[], cluster: string | undefined): string {
  const key = own[0] ?? 'unknown';
  const ours = `this cluster's key is ${key} (${own.map(fingerprintOf).join(', ')})`;
  if (recipients.size === 0) return `it is sealed for other keys; ${ours}`;
  const others = [...recipients].map(([name, keys]) => `${name} (${keys.join(', ')})`).join(', ');
  const before = cluster === undefined ? undefined : recipients.get(cluster);
  if (cluster !== undefined && before === undefined)
    return `it is sealed for ${others}, and not for ${cluster}: run hikyaku rewrap`;
  if (cluster !== undefined && before !== undefined)
    return `it is sealed for ${cluster} (${before.join(', ')}), and ${ours}: was its identity Secret made anew? Run hikyaku recipients add ${cluster} ${key} --replace; where that is done, hikyaku rewrap`;
  return `it is sealed for ${others}, and ${ours}. A new cluster: hikyaku recipients add NAME ${key}. One of these, whose identity Secret was made anew: the same with --replace`;
}
