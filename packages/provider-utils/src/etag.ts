import type { HttpAnswer } from './send-request.ts';

/** RFC 9110, 8.8.3. Also what makes one from a stored snapshot safe to send. */
const ETAG = /^(?:W\/)?"[\x21\x23-\x7e]*"$/;

export function isEtag(text: string): boolean {
  return ETAG.test(text) && text.length <= 512;
}

/** A weak one never matches in `if-match` (RFC 9110, 13.1.1). */
export function isStrongEtag(text: string): boolean {
  return isEtag(text) && text.startsWith('"');
}

/** The weak comparison of RFC 9110, 8.8.3.2. */
export function sameEtag(a: string, b: string): boolean {
  return a.replace(/^W\//, '') === b.replace(/^W\//, '');
}

/** Of an answer, where it has one that can be sent back. */
export function etagOf({ headers }: Pick<HttpAnswer, 'headers'>): string | undefined {
  const etag = headers.get('etag');
  return etag !== undefined && isEtag(etag) ? etag : undefined;
}
