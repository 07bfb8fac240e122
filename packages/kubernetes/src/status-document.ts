import type { HeldChange, HoldScope, PushState, RestartState, SecretState } from '@hikyaku/engine';

/** What the agent reports of itself: names, states and words, never a value. Times are RFC 3339. */
export interface StatusDocument {
  readonly version: 1;
  /** Where it has times that change by themselves, they are of then. */
  readonly writtenAt: string;
  readonly agent: {
    readonly version: string;
    readonly startedAt: string;
    /** The replica that works, where there are several. */
    readonly leader?: string;
    /** Its public keys, the newest first; absent where it has none that can be read. */
    readonly publicKeys?: readonly string[];
  };
  readonly config: {
    /** Of the files in force. */
    readonly digest: string;
    readonly loadedAt: string;
    /** Under which name the config knows this cluster. */
    readonly cluster?: string;
    /** Entries of which is not known whether they are for this cluster. */
    readonly undecided?: number;
    /** Why the config that is there is not the one in force; a line per mistake. */
    readonly problem?: string;
  };
  readonly sources: Readonly<Record<string, SourceStatus>>;
  /** By `namespace/name`. */
  readonly secrets: Readonly<Record<string, SecretStatus>>;
  /** By `namespace/name → source`. */
  readonly pushes: Readonly<Record<string, PushStatus>>;
  /** By `namespace/kind/name`: what is still to be restarted, and what is left alone. */
  readonly restarts: Readonly<Record<string, RestartStatus>>;
  readonly holds: readonly HoldStatus[];
  /** By path, as in `providers.homelab.token`: of each sealed value that this cluster would use. Only where somebody had asked. */
  readonly credentials?: Readonly<Record<string, CredentialStatus>>;
  /** What was left out, as it would not have fitted. */
  readonly cut?: string;
}

interface CredentialStatus {
  /** Absent: not since the agent was started. */
  readonly usedAt?: string;
}

export interface SourceStatus {
  /** `unread`: not read yet. `reading`: known in part. */
  readonly state: 'ok' | 'reading' | 'failing' | 'unread';
  readonly since?: string;
  /** How many secrets it is known to hold. */
  readonly secrets?: number;
  /** How many are still to be read. */
  readonly pending?: number;
  /** Values are in use that were kept before the agent started. */
  readonly stored?: boolean;
  /** The last read had no end. */
  readonly stuck?: boolean;
  /** Of the ProviderError. */
  readonly code?: string;
  readonly message?: string;
  /** The last read that went well. Only where somebody had asked. */
  readonly goodAt?: string;
  /** The next read. Only where somebody had asked. */
  readonly nextAt?: string;
}

export interface SecretStatus {
  readonly state: SecretState;
  readonly since?: string;
  /** When the agent has written it last, where that is later than `since`. */
  readonly changedAt?: string;
  /** When it was known to be equal. Only where somebody had asked. */
  readonly goodAt?: string;
  readonly messages?: readonly string[];
}

export interface PushStatus {
  readonly state: PushState;
  readonly since?: string;
  readonly keys?: number;
  readonly changedAt?: string;
  readonly goodAt?: string;
  readonly messages?: readonly string[];
}

export interface RestartStatus {
  readonly state: RestartState;
  /** Those whose data has changed. */
  readonly secrets: readonly string[];
  readonly messages?: readonly string[];
}

export interface HoldStatus {
  readonly scope: HoldScope;
  readonly digest: string;
  readonly messages: readonly string[];
  readonly changes: readonly HeldChange[];
  /** How many more there are. */
  readonly more?: number;
}
