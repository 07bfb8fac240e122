import type { GrantsReading } from '@hikyaku/config';

/** What is granted, and where that stands. */
export interface HeldGrants extends GrantsReading {
  /** For people: `the ConfigMap hikyaku/hikyaku-grants`, or a path. */
  readonly where: string;
}
