/**
 * A provider does not do what the contract says. The message has a line each for what came, what was expected and where to
 * read; no value of a secret, so that it may be shown for a service in use.
 */
export class ContractFailure extends Error {
  override readonly name = 'ContractFailure';
  readonly got: string;
  readonly expected: string;
  /** Absent until the check that failed has added it. */
  readonly contract?: string;

  constructor({ got, expected, contract, cause }: FailureOptions) {
    const lines = [got, `  expected: ${expected}`, ...(contract === undefined ? [] : [`  contract: ${contract}`])];
    super(lines.join('\n'), cause === undefined ? undefined : { cause });
    this.got = got;
    this.expected = expected;
    if (contract !== undefined) this.contract = contract;
  }
}

interface FailureOptions {
  readonly got: string;
  readonly expected: string;
  readonly contract?: string;
  readonly cause?: unknown;
}
