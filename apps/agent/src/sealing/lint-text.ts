import { count } from '../output/count.ts';
import { printable } from '../output/printable.ts';
import type { Style } from '../output/style.ts';
import type { Change } from './lint-changes.ts';
import type { Finding } from './lint-finding.ts';

/** `E file:line:column: path: message (CODE)` and what to do, one paragraph per finding. */
export function findingsText(findings: readonly Finding[], style: Style): string {
  const paragraphs = findings.map(({ severity, code, file, line, column, path, message, advice }) => {
    const letter = severity === 'error' ? style.bad('E') : style.change('W');
    const what = printable(message.includes(path) ? message : `${path}: ${message}`);
    return `${letter} ${style.strong(`${printable(file)}:${line}:${column}`)} ${what} ${style.faint(`(${code})`)}\n    ${style.good(printable(advice))}\n`;
  });
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  const counts = [count(errors, 'error'), count(findings.length - errors, 'warning')].join(', ');
  return `${paragraphs.join('')}${errors > 0 ? style.bad(counts) : style.change(counts)}\n`;
}

/** What is another one than it was, for whoever reviews it. */
export function changesText(against: string, changes: readonly Change[], style: Style): string {
  if (changes.length === 0)
    return `${style.good('✓')} recipients, credentials and where they are sent are as at ${printable(against)}\n`;
  const lines = changes.map(({ kind, what, more }) => {
    const sign = more ? style.bad('!') : style.faint('·');
    return `  ${sign} ${kind} ${printable(what)}\n`;
  });
  const attention = changes.some(({ more }) => more)
    ? style.faint('  ! somebody can open, receive or decide more than before\n')
    : '';
  return `changed since ${printable(against)}:\n${lines.join('')}${attention}`;
}
