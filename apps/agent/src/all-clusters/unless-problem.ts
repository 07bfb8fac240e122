import { isProviderError } from '@hikyaku/core';
import { TargetError } from '@hikyaku/engine';
import { isKubeError } from '@hikyaku/kube-client';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { printable } from '../output/printable.ts';
import { UserError } from '../user-error.ts';

/** Why there is nothing to be said of a cluster. */
export interface ClusterProblem {
  readonly problem: string;
  readonly exitCode: ExitCode;
}

/** What comes of the work, or what a person can put right; anything else, also a config that is wrong for all of them, is thrown. */
export async function unlessProblem<T>(work: () => Promise<T>, { signal }: Edge): Promise<T | ClusterProblem> {
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof UserError) return { problem: printable(error.message), exitCode: error.exitCode };
    if (isKubeError(error) || isProviderError(error) || error instanceof TargetError)
      return { problem: printable(error.message), exitCode: EXIT.failed };
    throw error;
  }
}

/** Of several clusters: what is wrong comes before what has changed. */
export function worstOf(exitCodes: readonly ExitCode[]): ExitCode {
  const order: readonly ExitCode[] = [EXIT.interrupted, EXIT.usage, EXIT.failed, EXIT.changes];
  return order.find((code) => exitCodes.includes(code)) ?? EXIT.fine;
}
