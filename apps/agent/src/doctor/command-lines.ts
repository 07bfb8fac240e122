import type { GlobalOptions } from '../global-options.ts';

/** Lines to copy that reach the same cluster and the same config as the command at hand. */
export interface CommandLines {
  readonly kubectl: (rest: string) => string;
  readonly hikyaku: (rest: string) => string;
}

export function commandLines(
  { config, context, kubeconfig, namespace }: GlobalOptions,
  { isDefaultConfig }: { readonly isDefaultConfig: boolean },
): CommandLines {
  const cluster = [flag('--context', context), flag('--kubeconfig', kubeconfig)].join('');
  const own = [flag('--namespace', namespace), isDefaultConfig ? '' : flag('--config', config)].join('');
  return {
    kubectl: (rest) => `kubectl${cluster} ${rest}`,
    hikyaku: (rest) => `hikyaku ${rest}${cluster}${own}`,
  };
}

function flag(name: string, value: string | undefined): string {
  return value === undefined ? '' : ` ${name} ${quoted(value)}`;
}

/** For a shell. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
