import { KubeError } from './kube-error.ts';

/**
 * The error for a request that got no answer. Only the code of what was thrown is kept: undici's errors may hold the
 * request and with it the credentials.
 */
export function networkError(doing: string, host: string, thrown: unknown): KubeError {
  const networkCode = networkCodeOf(thrown);
  if (networkCode === 'UND_ERR_INVALID_ARG') {
    return new KubeError('UNEXPECTED', `${doing}: the request could not be built`, { networkCode });
  }
  return new KubeError('UNAVAILABLE', `${doing}: ${explain(networkCode, host)}`, { networkCode });
}

export function timeoutError(doing: string, host: string, timeoutMs: number): KubeError {
  return new KubeError('UNAVAILABLE', `${doing}: no answer from ${host} within ${timeoutMs} ms`, {
    networkCode: 'TIMEOUT',
  });
}

/** The code of an error or of the first cause or inner error that has one. */
export function networkCodeOf(thrown: unknown, depth = 0): string {
  if (typeof thrown !== 'object' || thrown === null || depth > 4) return 'UNKNOWN';
  const outer = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
  const inner =
    'cause' in thrown
      ? networkCodeOf(thrown.cause, depth + 1)
      : 'errors' in thrown && Array.isArray(thrown.errors)
        ? networkCodeOf(thrown.errors[0], depth + 1)
        : 'UNKNOWN';
  // A system code says more than undici's own around it.
  const code = inner !== 'UNKNOWN' && (outer === undefined || outer.startsWith('UND_')) ? inner : outer;
  return code !== undefined && /^[A-Z0-9_]{1,64}$/.test(code) ? code : 'UNKNOWN';
}

function explain(code: string, host: string): string {
  switch (code) {
    case 'ECONNREFUSED':
      return `${host} refuses connections (${code}): is the API server running, and its address in the kubeconfig right?`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the name of ${host} cannot be resolved (${code}): check the server in the kubeconfig and the DNS`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
    case 'UND_ERR_CONNECT_TIMEOUT':
      return `${host} cannot be reached (${code}): check the network, VPN or firewall in between`;
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return `the certificate of ${host} is not valid at this time (${code}): renew it, or check the clocks`;
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `the certificate of ${host} is for another name (${code}): set tls-server-name for the cluster in the kubeconfig`;
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'CERT_SIGNATURE_FAILURE':
      return `the certificate of ${host} is not signed by the authority we trust (${code}): check certificate-authority of the cluster in the kubeconfig`;
    default:
      if (code.startsWith('ERR_SSL') || code === 'EPROTO' || code.startsWith('ERR_OSSL')) {
        return `no TLS connection to ${host} (${code}): check that the server speaks https, and the client certificate`;
      }
      return `no answer from ${host} (${code})`;
  }
}
