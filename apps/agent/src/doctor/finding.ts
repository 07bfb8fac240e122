/** All that can be found, and how bad it is; what each means is in docs/doctor.md. */
export const FINDINGS = {
  CONFIG_INVALID: 'problem',
  CONFIG_REFUSED: 'problem',
  CONFIG_DIFFERS: 'warning',
  KUBECONFIG_UNUSABLE: 'problem',
  API_UNREACHABLE: 'problem',
  API_REFUSES: 'problem',
  KUBERNETES_TOO_OLD: 'problem',
  CLOCK_DIFFERS: 'warning',
  NO_ANSWER: 'problem',
  CANNOT_LOOK: 'info',
  NAMESPACE_MISSING: 'problem',
  OBJECT_MISSING: 'problem',
  OBJECT_DIFFERS: 'problem',
  RIGHT_MISSING: 'problem',
  RIGHT_TOO_MUCH: 'problem',
  POLICY_NOT_ENFORCED: 'problem',
  RESTARTS_NOT_ALLOWED: 'problem',
  OWNER_ROLE_MISSING: 'problem',
  MERGE_LABEL_MISSING: 'problem',
  YOU_MAY_NOT: 'info',
  GRANTS_MISSING: 'problem',
  GRANTS_INVALID: 'problem',
  GRANTS_DISAGREE: 'warning',
  NOT_GRANTED: 'problem',
  TARGET_NAMESPACE_MISSING: 'warning',
  IDENTITY_MISSING: 'problem',
  CLUSTER_UNKNOWN: 'problem',
  SEALED_WRONG: 'problem',
  SEALED_DOUBTFUL: 'warning',
  CREDENTIAL_UNUSABLE: 'problem',
  CREDENTIAL_NOT_HERE: 'info',
  CREDENTIAL_OPEN_TO_OTHERS: 'warning',
  CREDENTIAL_OLD: 'info',
  SOURCE_NAME_UNKNOWN: 'problem',
  SOURCE_NOT_TRUSTED: 'problem',
  SOURCE_PROXY: 'problem',
  SOURCE_UNREACHABLE: 'problem',
  SOURCE_UNAUTHENTICATED: 'problem',
  SOURCE_FORBIDDEN: 'problem',
  SOURCE_NOT_FOUND: 'problem',
  SOURCE_RATE_LIMITED: 'warning',
  SOURCE_ANSWERS_WRONG: 'problem',
  SOURCE_UNUSABLE: 'problem',
  SECRET_NOT_THERE: 'problem',
  AGENT_NEVER_REPORTED: 'problem',
  AGENT_SILENT: 'problem',
  AGENT_UNWELL: 'problem',
  AGENT_HOLDS: 'problem',
  VERSION_SKEW: 'warning',
  HEAP_NOT_LIMITED: 'warning',
} as const satisfies Readonly<Record<string, Severity>>;

export type FindingCode = keyof typeof FINDINGS;

/** `info`: nobody has to do anything. */
type Severity = 'info' | 'warning' | 'problem';

/** One thing that was looked at. Never holds a value or a token. */
export interface Finding {
  /** `OK`: all is well with it. */
  readonly code: FindingCode | 'OK';
  readonly severity: Severity | 'ok';
  /** `source homelab`, `ConfigMap hikyaku/hikyaku-status`. */
  readonly thing: string;
  /** What is wrong, or how it is. */
  readonly message: string;
  /** What to do. */
  readonly advice?: string;
  /** That does it, or is the first step. */
  readonly command?: string;
}

export interface Remedy {
  readonly advice: string;
  readonly command?: string | undefined;
}

export function found(code: FindingCode, thing: string, message: string, { advice, command }: Remedy): Finding {
  return { code, severity: FINDINGS[code], thing, message, advice, ...(command !== undefined && { command }) };
}

export function fine(thing: string, message: string): Finding {
  return { code: 'OK', severity: 'ok', thing, message };
}
