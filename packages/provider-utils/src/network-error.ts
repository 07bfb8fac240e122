import { ProviderError } from '@hikyaku/core';

const CLOSED = 'closed the connection before the answer was complete. If it lasts, look at the proxies in between';
const SILENT = 'did not answer in time. Check that a firewall or NetworkPolicy lets requests through';
const UNKNOWN_HOST = 'was not found. Check the spelling of the address, and the DNS of the cluster';
const NO_ROUTE = 'cannot be reached from here. Check that a firewall or NetworkPolicy lets requests through';
const UNTRUSTED =
  'shows a certificate that nobody here vouches for. If it is yours, give the certificate of its issuer as `ca`';
const WRONG_TIME = 'shows a certificate that is not valid at this time. Renew it, or set the clock of this machine';
const NOT_TLS = 'does not speak TLS as expected. Check that the address has the right port, and http or https';

const MEANING: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused the connection. Check that it runs and that the port is right',
  ECONNRESET: CLOSED,
  EPIPE: CLOSED,
  UND_ERR_SOCKET: CLOSED,
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: CLOSED,
  ETIMEDOUT: SILENT,
  UND_ERR_CONNECT_TIMEOUT: SILENT,
  UND_ERR_HEADERS_TIMEOUT: SILENT,
  UND_ERR_BODY_TIMEOUT: SILENT,
  ENOTFOUND: UNKNOWN_HOST,
  EAI_AGAIN: UNKNOWN_HOST,
  EHOSTUNREACH: NO_ROUTE,
  ENETUNREACH: NO_ROUTE,
  EACCES: NO_ROUTE,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  CERT_UNTRUSTED: UNTRUSTED,
  CERT_HAS_EXPIRED: WRONG_TIME,
  CERT_NOT_YET_VALID: WRONG_TIME,
  ERR_TLS_CERT_ALTNAME_INVALID: 'shows a certificate made for another name. Check the address',
  EPROTO: NOT_TLS,
  ERR_SSL_WRONG_VERSION_NUMBER: NOT_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NOT_TLS,
};

/** `UNAVAILABLE`, with a message that names the host and the cause's code and says what to do: `api.doppler.com was not found. … (ENOTFOUND)`. */
export function networkError(error: unknown, url: string | URL): ProviderError {
  const code = codeOf(error);
  const meaning = (code !== undefined && MEANING[code]) || 'could not be asked';
  return new ProviderError('UNAVAILABLE', `${new URL(url).host} ${meaning}${code === undefined ? '' : ` (${code})`}`, {
    // The error of undici's parser carries the bytes it choked on, and those may be values.
    ...(code?.startsWith('HPE_') !== true && { cause: error }),
  });
}

/** The innermost code says most: undici wraps, and a host with several addresses fails with an AggregateError. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : error.cause;
  return codeOf(inner) ?? ('code' in error && typeof error.code === 'string' ? error.code : undefined);
}
