import type { Problem } from '@hikyaku/config';
import type { Style } from './style.ts';

/** `file:line:column: path: message`, one paragraph per problem, so that editors and people can jump there. */
export function problemsText(problems: readonly Problem[], style: Style): string {
  const lines = problems.map(({ file, line, column, path, message, suggestion }) => {
    const where = style.strong(`${file}:${line}:${column}`);
    const what = path === '' ? message : `${path}: ${message}`;
    return `${where} ${what}${suggestion === undefined ? '' : `\n    ${style.good(suggestion)}`}\n`;
  });
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  return `${lines.join('')}${style.bad(count)}\n`;
}
