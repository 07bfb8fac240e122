import { isIP } from 'node:net';

/** On every answer. Nothing but what this page itself serves is loaded, and nobody else may embed or read it. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
};

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);
const EVERYWHERE: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/**
 * Whether a request is meant for this page. A name of somebody else that leads here (DNS rebinding) would let his page read this one. Of
 * somebody who listens everywhere, no name is known but addresses, which cannot lead elsewhere.
 */
export function isOwnHost(host: string | undefined, given: string): boolean {
  const [, name = ''] = /^(\[[\da-f:.]+\]|[^:\s]+)(?::\d{1,5})?$/i.exec(host ?? '') ?? [];
  const plain = name.toLowerCase();
  if (LOOPBACK.has(plain)) return true;
  const bare = plain.replace(/^\[(.*)\]$/, '$1');
  return EVERYWHERE.has(given) ? isIP(bare) > 0 : bare === given.toLowerCase();
}

export function isLoopback(host: string): boolean {
  return host.toLowerCase() === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
