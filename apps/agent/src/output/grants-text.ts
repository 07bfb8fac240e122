import type { GrantsCheck } from '../grants/check-grants.ts';
import { count } from './count.ts';
import { problemsText } from './problems-text.ts';
import type { Style } from './style.ts';

const MOST = 20;

/** What the cluster would refuse, and the lines of `grants.yaml` that would let it pass; empty where nothing is missing. */
export function grantsText({ where, problems, missing }: GrantsCheck, style: Style): string {
  if (problems.length > 0) return problemsText(problems, style);
  if (missing.length === 0) return '';
  const shown = missing.slice(0, MOST).map(({ entry, message }) => `  ${style.change('!')} ${entry}: ${message}\n`);
  const rest = missing.length > MOST ? [style.faint(`  and ${missing.length - MOST} more\n`)] : [];
  const lines = linesOf(missing).map((line) => `  ${style.good(line)}\n`);
  const advice = lines.length === 0 ? [] : [`so that it would pass, ${where} has to say:\n`, ...lines];
  return [
    `${count(missing.length, 'grant')} missing in ${where}, so the cluster refuses this:\n`,
    ...shown,
    ...rest,
    ...advice,
  ].join('');
}

/** The same for scripts. */
export function grantsJson({ where, problems, missing }: GrantsCheck): object {
  return {
    where,
    problems,
    missing: missing.map(({ code, entry, message }) => ({ code, entry, message })),
    lines: linesOf(missing),
  };
}

function linesOf(missing: GrantsCheck['missing']): readonly string[] {
  return [...new Set(missing.flatMap(({ line }) => line ?? []))];
}
