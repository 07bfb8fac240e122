export type Section = 'may' | 'may not' | 'granted' | 'thief' | 'widen';

/** One thing that whoever approves the agent should know. Each has a check against a real API server: apps/agent/e2e/rights-words.test.ts. */
export interface Statement {
  readonly id: string;
  readonly section: Section;
  /** For people, without the words of its section's title. */
  readonly text: string;
  /** What the agent needs it for. */
  readonly why?: string;
  /**
   * The rules of the install files that it is about: `cluster: create secrets` (ClusterRole), `own namespace: get secrets` (Role),
   * `policy own: label` (a validation, by the first word of its message), `binding own: …`.
   */
  readonly rules: readonly string[];
  /** The entries of a grant. */
  readonly entries?: readonly string[];
}

export interface RightsOptions {
  /** The agent's id: the namespace it lives in. */
  readonly agent: string;
  /** How many Secrets the list `names` allows; absent: there is no such list. */
  readonly names?: number;
  /** Whether deploy/rights-restarts.yaml is installed too. */
  readonly restarts: boolean;
}
