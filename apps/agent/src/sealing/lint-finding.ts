import type { Position } from '@hikyaku/config';

/** What each means is in docs/lint.md. */
export type FindingCode =
  | 'BACKUP_CANNOT_OPEN'
  | 'CANNOT_OPEN'
  | 'DAMAGED'
  | 'KEY_IN_FILE'
  | 'MIXED_KEYS'
  | 'NEW_KEY_CANNOT_OPEN'
  | 'NO_BACKUP'
  | 'NO_BINDING'
  | 'NO_CERTIFICATES'
  | 'NO_VALUE_FOR_CLUSTER'
  | 'OLD_KEY_CAN_OPEN'
  | 'OPENS_NOTHING'
  | 'OTHER_BINDING'
  | 'REMOVED_CAN_OPEN'
  | 'STILL_KNOWN'
  | 'TOKEN_IN_FILE'
  | 'TWO_KEYS'
  | 'UNBOUND';

/** One thing about the sealed credentials of a config that is wrong (`error`) or that somebody should know (`warning`). */
export interface Finding extends Position {
  readonly severity: 'error' | 'warning';
  readonly code: FindingCode;
  /** `providers.doppler.token`, `recipients.home`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  /** What to do. */
  readonly advice: string;
}

/** What makes findings of one place. */
export interface Place {
  readonly position: Position;
  readonly path: string;
}

export function error({ position, path }: Place, code: FindingCode, message: string, advice: string): Finding {
  return { ...position, severity: 'error', code, path, message, advice };
}

export function warning({ position, path }: Place, code: FindingCode, message: string, advice: string): Finding {
  return { ...position, severity: 'warning', code, path, message, advice };
}
