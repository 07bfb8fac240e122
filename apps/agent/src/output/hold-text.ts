import type { HoldStatus } from '@hikyaku/kubernetes';
import { printable } from './printable.ts';
import { shellWord } from './shell-word.ts';
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

/** The command that lets it go; it shows all of it before. The scope may be any text: whoever may write the status may make one up. */
export function approveLine(scope: string): string {
  const [, source] = /^source:([a-z0-9][a-z0-9-]*)$/.exec(scope) ?? [];
  // A source may be called `config`.
  if (source !== undefined && source !== 'config') return `hikyaku approve ${source}`;
  return `hikyaku approve ${shellWord(scope.startsWith('-') ? `source:${scope}` : scope)}`;
}
