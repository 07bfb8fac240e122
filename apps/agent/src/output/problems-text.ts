import type { Problem } from '@hikyaku/config';
import { count } from './count.ts';
import { printable } from './printable.ts';
import type { Style } from './style.ts';

/** `file:line:column: path: message`, one paragraph per problem, so that editors and people can jump there. */
export function problemsText(problems: readonly Problem[], style: Style): string {
  const lines = problems.map(({ file, line, column, path, message, suggestion }) => {
    // A config that somebody else proposes may hold what moves a terminal's cursor, also in the names of its files.
    const where = style.strong(`${printable(file)}:${line}:${column}`);
    const what = printable(path === '' ? message : `${path}: ${message}`);
    return `${where} ${what}${suggestion === undefined ? '' : `\n    ${style.good(printable(suggestion))}`}\n`;
  });
  return `${lines.join('')}${style.bad(count(problems.length, 'problem'))}\n`;
}

/** The same for scripts; `grants`, where there are some, says what they refuse. */
export function problemsJson(problems: readonly Problem[], grants?: object): string {
  return `${JSON.stringify({ ok: problems.length === 0, problems, ...(grants && { grants }) }, null, 2)}\n`;
}
