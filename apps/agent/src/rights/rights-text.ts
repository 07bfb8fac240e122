import { printable } from '../output/printable.ts';
import type { Style } from '../output/style.ts';
import type { Section, Statement } from './statement.ts';
import { wrap } from './wrap.ts';

export interface RightsTextOptions {
  readonly agent: string;
  readonly statements: readonly Statement[];
  /** Of the grants; absent where there are none. */
  readonly where: string | undefined;
  readonly isNamed: boolean;
  /** Columns. */
  readonly width: number;
}

const ORDER: readonly Section[] = ['may', 'may not', 'granted', 'thief', 'widen'];
const MOST_ENTRIES = 20;

export function rightsText(options: RightsTextOptions, style: Style): string {
  const { agent, statements, where, isNamed, width } = options;
  const titles: Readonly<Record<Section, string>> = {
    may: 'The agent may',
    'may not': 'The API server does not let it',
    granted: `The grants let pass (${where ?? ''})`,
    thief: 'Whoever steals its token can',
    widen: 'Who can let it do more',
  };
  const sections = ORDER.map((section) => {
    const own = statements.filter((statement) => statement.section === section);
    if (own.length === 0) return '';
    const texts = own.map((statement) => statementText(statement, agent, width, style));
    return `\n${style.strong(wrap(titles[section], '', width).trimEnd())}\n${texts.join('')}`;
  });
  return wrap(introduction(agent, where, isNamed), '', width) + sections.join('');
}

function introduction(agent: string, where: string | undefined, isNamed: boolean): string {
  const rights = isNamed ? 'named: it writes a list of Secrets' : 'own: it writes what carries its label';
  const grants = where === undefined ? ' No grants are at hand: --config or --context shows what they add.' : '';
  return `Rights of the agent in the namespace ${agent} (${rights}). The API server keeps it to them. Behind each line: the id by which a test proves it.${grants}`;
}

function statementText(
  { id, section, text, why, rules, entries }: Statement,
  agent: string,
  width: number,
  style: Style,
): string {
  const by = [...new Set(rules.map((rule) => objectOf(rule, agent)))].join(', ');
  const details = [...(why === undefined ? [] : [`why: ${why}`]), ...(by === '' ? [] : [`by: ${by}`])];
  return [
    paint(wrap(`${text} [${id}]`, `  ${MARKS[section]} `, width), MARKS[section], section, style),
    ...(entries ?? []).slice(0, MOST_ENTRIES).map((entry) => `      ${printable(entry)}\n`),
    ...((entries?.length ?? 0) > MOST_ENTRIES ? [`      and ${(entries?.length ?? 0) - MOST_ENTRIES} more\n`] : []),
    ...details.map((detail) => faintLines(wrap(detail, '      ', width), style)),
  ].join('');
}

const MARKS: Readonly<Record<Section, string>> = { may: '✓', 'may not': '✗', granted: '·', thief: '!', widen: '·' };

function paint(lines: string, mark: string, section: Section, style: Style): string {
  const color = { may: style.good, 'may not': style.bad, thief: style.change, granted: plain, widen: plain }[section];
  return lines.replace(mark, color(mark)).replace(/\[[a-z-]+\](?=\n$)/, (id) => style.faint(id));
}

function plain(text: string): string {
  return text;
}

function faintLines(lines: string, style: Style): string {
  return `${lines.trimEnd().split('\n').map(style.faint).join('\n')}\n`;
}

/** `policy own: label` stands in the policy hikyaku-own. */
function objectOf(rule: string, agent: string): string {
  const [where = ''] = rule.split(': ');
  const [kind = '', name = ''] = where.split(' ');
  switch (kind) {
    case 'cluster':
      return `ClusterRole ${agent}-own`;
    case 'restarts':
      return `ClusterRole ${agent}-restarts`;
    case 'own':
      return `Role ${agent}-own`;
    default:
      return `${kind} ${agent}-${name}`;
  }
}
