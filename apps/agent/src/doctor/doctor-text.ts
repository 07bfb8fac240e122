import { count } from '../output/count.ts';
import { wrapped } from '../output/status-lines.ts';
import type { Style } from '../output/style.ts';
import type { Examined } from './examine.ts';
import type { Finding } from './finding.ts';

export interface DoctorTextOptions {
  /** Characters; Infinity in a pipe. */
  readonly width: number;
  readonly style: Style;
}

/** All that was looked at, of one cluster or of several in one table; what several have in common stands there once. */
export function doctorText(examined: readonly Examined[], { width, style }: DoctorTextOptions): string {
  const rows = rowsOf(examined);
  const isOne = examined.length === 1;
  const widest = Math.max(...rows.map(({ clusters }) => clusters.length));
  const lines = rows.flatMap(({ clusters, finding }) => {
    const { code, severity, thing, message, advice, command } = finding;
    const where = isOne ? '' : `${clusters.padEnd(widest)}  `;
    const indent = ' '.repeat('  ✓ '.length + where.length);
    const [first = '', ...more] = wrapped(`${thing}: ${message}${code === 'OK' ? '' : ` (${code})`}`, indent, width);
    const head = `${where}${first.slice(indent.length)}`;
    return [
      `  ${signOf(severity, style)} ${severity === 'ok' ? style.faint(head) : head}`,
      ...more.map((line) => (severity === 'ok' ? style.faint(line) : line)),
      ...(advice === undefined ? [] : wrapped(`→ ${advice}${command === undefined ? '' : ':'}`, `${indent}  `, width)),
      // Whole, so that it can be copied.
      ...(command === undefined ? [] : [`${indent}    ${style.good(command)}`]),
    ];
  });
  const head = examined.map(({ cluster, agent }) => `${style.strong(cluster)}, agent ${agent}`).join('; ');
  return `In ${head}:\n\n${lines.join('\n')}\n\n${summary(
    rows.map(({ finding }) => finding),
    style,
  )}\n`;
}

function signOf(severity: Finding['severity'], style: Style): string {
  switch (severity) {
    case 'ok':
      return style.good('✓');
    case 'info':
      return style.faint('·');
    case 'warning':
      return style.change('!');
    case 'problem':
      return style.bad('✗');
  }
}

function rowsOf(examined: readonly Examined[]): readonly { readonly clusters: string; readonly finding: Finding }[] {
  const rows = new Map<string, { readonly names: string[]; readonly finding: Finding }>();
  for (const { cluster, findings } of examined) {
    for (const finding of findings) {
      const key = JSON.stringify(finding);
      const row = rows.get(key) ?? { names: [], finding };
      row.names.push(cluster);
      rows.set(key, row);
    }
  }
  return [...rows.values()].map(({ names, finding }) => ({ clusters: [...new Set(names)].join(', '), finding }));
}

function summary(findings: readonly Finding[], style: Style): string {
  const number = (severity: Finding['severity']) => findings.filter((one) => one.severity === severity).length;
  const [problems, warnings, infos] = [number('problem'), number('warning'), number('info')];
  const notes = infos > 0 ? `, ${count(infos, 'note')}` : '';
  if (problems > 0) return `${style.bad(count(problems, 'problem'))}, ${count(warnings, 'warning')}${notes}`;
  if (warnings > 0) return `${style.change(count(warnings, 'warning'))}, no problem${notes}`;
  return `${style.good('All is well')}${notes}`;
}
