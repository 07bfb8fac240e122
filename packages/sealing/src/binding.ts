import { createHash, X509Certificate } from 'node:crypto';
import { SealedError } from './sealed-error.ts';
import type { SealedHeader } from './sealed-header.ts';

/** What a sealed credential may be used for: written into the file, authenticated, and readable without a key. */
export interface Binding {
  /** Kind of provider and the credential's field: `doppler/token`, `webhook/headers.X-Api-Key`. Never the name of a source, which may change. */
  readonly use: string;
  /** The only origins it may be sent to, sorted. Empty where the source has no address. */
  readonly to: readonly string[];
  /** SHA-256 of the certificates that are trusted there instead of the system's: `sha256-` and base64url. */
  readonly ca?: string;
}

/**
 * The binding of a credential field. Origins in any form and order that mean the same, and certificates however their PEM is
 * laid out, give the same binding. Throws a SealedError.
 */
export function bindingOf(providerType: string, field: string, origins: readonly string[], caPem?: string): Binding {
  const to = [...new Set(origins.map(normalOrigin))].toSorted();
  return { use: `${providerType}/${field}`, to, ...(caPem !== undefined && { ca: hashOfCertificates(caPem) }) };
}

export function sameBinding(a: Binding, b: Binding): boolean {
  return (
    a.use === b.use && a.ca === b.ca && a.to.length === b.to.length && a.to.every((origin, i) => origin === b.to[i])
  );
}

/** Why a credential may not be used as asked; undefined when it may. */
export function bindingProblem(sealed: Binding, asked: Binding): string | undefined {
  if (sameBinding(sealed, asked)) return undefined;
  const withCa = sealed.ca !== asked.ca;
  return `sealed for ${placeOf(sealed, withCa)}, asked for ${placeOf(asked, withCa)}`;
}

/**
 * Throws a SealedError unless what was opened may be used as asked. `unbound`: it may also say nothing about its use, as a file
 * of `age` itself; what it does say counts all the same.
 */
export function checkBinding(
  { binding }: SealedHeader,
  asked: Binding,
  { unbound = false }: { readonly unbound?: boolean } = {},
): void {
  if (binding === undefined) {
    if (unbound) return;
    throw new SealedError(
      'UNBOUND',
      `refused: it does not say that it is for ${placeOf(asked, false)}. Seal it with hikyaku, or allow it with unbound: true`,
    );
  }
  const problem = bindingProblem(binding, asked);
  if (problem !== undefined) throw new SealedError('BOUND_ELSEWHERE', `refused: ${problem}`);
}

function placeOf({ use, to, ca }: Binding, withCa: boolean): string {
  const place = to.length === 0 ? use : `${use} at ${to.join(', ')}`;
  return withCa ? `${place} with ${ca === undefined ? "the system's certificates" : `certificates ${ca}`}` : place;
}

function normalOrigin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new SealedError('INVALID_BINDING', 'a place to send it to is no http or https address');
  return url.origin;
}

function hashOfCertificates(pem: string): string {
  // One that is trusted but not counted would be a way around the binding, so nothing else may stand there.
  const block = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----/g;
  const hashes = (pem.match(block) ?? []).map((text) =>
    createHash('sha256').update(certificateDer(text)).digest('hex'),
  );
  if (hashes.length === 0 || pem.replaceAll(block, '').includes('-----BEGIN'))
    throw new SealedError('INVALID_BINDING', 'the trusted certificates must be PEM, and nothing but CERTIFICATE');
  const all = [...new Set(hashes)].toSorted().join('\n');
  return `sha256-${createHash('sha256').update(all).digest('base64url')}`;
}

/** As OpenSSL reads it, which is what decides about a connection. */
function certificateDer(pem: string): Uint8Array {
  const lines = pem
    .split(/[\r\n]/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  try {
    return new X509Certificate(`${lines.join('\n')}\n`).raw;
  } catch {
    throw new SealedError('INVALID_BINDING', 'one of the trusted certificates cannot be read');
  }
}
