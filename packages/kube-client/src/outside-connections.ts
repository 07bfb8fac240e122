import type { Dispatcher } from 'undici';
import type { TlsSettings } from './credentials.ts';

/** A watch keeps its connection, or its stream of one, for minutes. */
export type Purpose = 'request' | 'watch';

/** PEM texts of a kubeconfig. */
export interface OutsideTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** The name that the server's certificate must have. */
  readonly servername?: string;
}

/** Connections of somebody else, who says where they may lead. */
export interface OutsideConnections {
  /** Asked for with each request; never closed here. */
  dispatcher(tls: OutsideTls, purpose: Purpose): Dispatcher;
  /** Errors of the dispatcher itself, such as a refused address, which are thrown as they are; others become KubeErrors. */
  isOwnError?(error: unknown): boolean;
}

export function tlsTexts({ ca, cert, key, servername }: TlsSettings): OutsideTls {
  return {
    ...(ca !== undefined && { ca: text(ca) }),
    ...(cert !== undefined && { cert: text(cert) }),
    ...(key !== undefined && { key: text(key) }),
    ...(servername !== undefined && { servername }),
  };
}

function text(pem: NonNullable<TlsSettings['ca' | 'cert' | 'key']>): string {
  return [pem].flat().map(String).join('\n');
}
