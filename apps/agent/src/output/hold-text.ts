import type { HoldStatus } from '@hikyaku/kubernetes';
import { printable } from './printable.ts';
import type { Style } from './style.ts';

/** What would go, Secret by Secret and key by key. */
export function holdText({ scope, messages, changes, more = 0 }: HoldStatus, cluster: string, style: Style): string {
  const lines = [
    `In ${style.strong(cluster)}, held of ${style.strong(scopeText(scope))}:`,
    ...messages.map((message) => `  ${printable(message)}`),
    '',
    ...changes.flatMap(({ id, removed, overwritten = [], deleted = false }) => [
      style.bad(`  - ${printable(id)}`) + (deleted ? style.faint('  the whole Secret') : ''),
      ...removed.map((key) => style.bad(`      - ${printable(key)}`)),
      ...overwritten.map(
        (key) => style.change(`      ~ ${printable(key)}`) + style.faint("  somebody else's value is written over"),
      ),
    ]),
    ...(more > 0 ? [`  and ${more} more, which do not fit into the status`] : []),
  ];
  return `${lines.join('\n')}\n\n`;
}

export function scopeText(scope: string): string {
  if (scope === 'config') return 'the config';
  if (scope.startsWith('push:')) return `pushes to ${scope.slice('push:'.length)}`;
  return `the source ${scope.slice('source:'.length)}`;
}

/** The command that lets it go; it shows all of it before. */
export function approveLine(scope: string): string {
  // A source may be called `config`.
  const isPlain = scope.startsWith('source:') && scope !== 'source:config';
  return `hikyaku approve ${isPlain ? scope.slice('source:'.length) : scope}`;
}
