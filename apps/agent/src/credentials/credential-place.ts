import type { Position, SourceConfig } from '@hikyaku/config';
import { ProviderError } from '@hikyaku/core';

/** A credential of a source, for messages. */
export interface CredentialPlace {
  readonly source: Pick<SourceConfig, 'name'>;
  readonly field: string;
  /** Of a value that stands in the config itself. */
  readonly position?: Position;
}

/** `token of source homelab (hikyaku.yaml:12)` */
export function nameOf({ source, field, position }: CredentialPlace): string {
  const where = position === undefined ? '' : ` (${position.file}:${position.line})`;
  return `${field} of source ${source.name}${where}`;
}

export function invalid(place: CredentialPlace, what: string): ProviderError {
  return new ProviderError('INVALID_CONFIG', `${nameOf(place)} ${what}`);
}
