import { EXIT } from './exit-code.ts';
import type { ExitCode } from './exit-code.ts';

/** Something a person can put right: printed as it is, without a stack. Says what is wrong, on which thing, and what to do. */
export class UserError extends Error {
  override readonly name = 'UserError';
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = EXIT.usage) {
    super(message);
    this.exitCode = exitCode;
  }
}
