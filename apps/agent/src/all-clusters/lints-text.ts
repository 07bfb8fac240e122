import { count } from '../output/count.ts';
import { printable } from '../output/printable.ts';
import { wrapped } from '../output/status-lines.ts';
import type { Style } from '../output/style.ts';
import { findingsText } from '../sealing/lint-text.ts';
import type { Finding } from '../sealing/lint-finding.ts';
import type { ContextLint } from './cluster-lint.ts';

/** What each cluster is told, in one table: a finding stands there once, with all that it is about. */
export function lintsText(
  linted: readonly ContextLint[],
  { width, style }: { readonly width: number; readonly style: Style },
): string {
  const heads = linted.flatMap(({ context, lint }) => {
    const name = style.strong(printable(context));
    if ('problem' in lint) return [`${style.bad('✗')} ${name}`, ...wrapped(lint.problem, '    ', width)];
    const as = lint.cluster === undefined || lint.cluster === context ? '' : `, ${lint.cluster} under recipients`;
    const said = lint.findings.length === 0 ? 'all in order' : count(lint.findings.length, 'finding');
    return [`${lint.findings.length === 0 ? style.good('✓') : '·'} ${name}${as}: ${said}`];
  });
  const groups = new Map<string, Finding[]>();
  for (const finding of new Set(linted.flatMap(({ lint }) => ('problem' in lint ? [] : lint.findings)))) {
    const clusters = linted.flatMap(({ context, lint }) =>
      !('problem' in lint) && lint.findings.includes(finding) ? [context] : [],
    );
    const title = clusters.map(printable).join(', ');
    groups.set(title, [...(groups.get(title) ?? []), finding]);
  }
  const parts = [...groups].map(([title, findings]) => `\n${style.faint(title)}\n${findingsText(findings, style)}`);
  return `${heads.join('\n')}\n${parts.join('')}`;
}
