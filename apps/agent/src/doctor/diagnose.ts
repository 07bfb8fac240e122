import type { CallOptions } from '@hikyaku/core';
import { isProviderError } from '@hikyaku/core';
import { TargetError } from '@hikyaku/engine';
import { isKubeError } from '@hikyaku/kube-client';
import { printable } from '../output/printable.ts';
import { UserError } from '../user-error.ts';
import type { Examination } from './examination.ts';
import { found } from './finding.ts';
import type { Finding } from './finding.ts';

/** One part of looking; a check that depends on what another one says finds nothing where that has failed. */
export interface Check {
  /** What it looks at, for progress and for what has no answer. */
  readonly name: string;
  run(examination: Examination, options: CallOptions): Promise<readonly Finding[]>;
}

/** All of them at once; each has its own limit of time, and none hides what another has found. In the order of the checks. */
export async function diagnose(
  examination: Examination,
  checks: readonly Check[],
  onProgress: (waiting: readonly string[]) => void,
): Promise<readonly Finding[]> {
  const waiting = new Set(checks.map(({ name }) => name));
  onProgress([...waiting]);
  const findings = await Promise.all(
    checks.map(async (check) => {
      const result = await runCheck(check, examination);
      waiting.delete(check.name);
      onProgress([...waiting]);
      return result;
    }),
  );
  return findings.flat();
}

async function runCheck(check: Check, examination: Examination): Promise<readonly Finding[]> {
  const { signal } = examination.edge;
  const { timeout } = examination.options;
  const late = AbortSignal.timeout(timeout);
  const both = AbortSignal.any([signal, late]);
  const hung = Promise.withResolvers<never>();
  const onAbort = () => hung.reject(both.reason);
  both.addEventListener('abort', onAbort, { once: true });
  try {
    // What does not listen to its signal is not waited for.
    return await Promise.race([check.run(examination, { signal: both }), hung.promise]);
  } catch (error) {
    signal.throwIfAborted();
    if (late.aborted) {
      const doubled = `${Math.ceil((timeout / 1_000) * 4)}s`;
      return [
        found('NO_ANSWER', check.name, `was not known in ${timeout / 1_000} s`, {
          advice: 'if it is slow, give it more time',
          command: examination.lines.hikyaku(`doctor --timeout ${doubled}`),
        }),
      ];
    }
    return [failure(check.name, error, examination)];
  } finally {
    both.removeEventListener('abort', onAbort);
    hung.promise.catch(() => {});
  }
}

function failure(name: string, error: unknown, { username }: Examination): Finding {
  const isKnown = isKubeError(error) || isProviderError(error) || error instanceof TargetError;
  if (!isKnown && !(error instanceof UserError)) throw error;
  if ('code' in error && error.code === 'FORBIDDEN')
    return found('CANNOT_LOOK', name, printable(error.message), {
      advice: 'look with a kubeconfig that may, such as that of an administrator',
    });
  return found('API_UNREACHABLE', name, printable(error.message), {
    advice: `try again; ${username} would have the same trouble`,
  });
}
