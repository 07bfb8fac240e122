import type { GlobalOptions } from '../global-options.ts';
import { shellFlag } from '../output/shell-word.ts';

/** Lines to copy that reach the same cluster and the same config as the command at hand. */
export interface CommandLines {
  readonly kubectl: (rest: string) => string;
  readonly hikyaku: (rest: string) => string;
}

export function commandLines(
  { config, context, kubeconfig, namespace }: GlobalOptions,
  { isDefaultConfig }: { readonly isDefaultConfig: boolean },
): CommandLines {
  const cluster = [shellFlag('--context', context), shellFlag('--kubeconfig', kubeconfig)].join('');
  const own = [shellFlag('--namespace', namespace), isDefaultConfig ? '' : shellFlag('--config', config)].join('');
  return {
    kubectl: (rest) => `kubectl${cluster} ${rest}`,
    hikyaku: (rest) => `hikyaku ${rest}${cluster}${own}`,
  };
}
