import type { ClusterReport } from '../status/look-at-status.ts';
import type { Reported } from '../status/read-status.ts';
import type { SealedDate } from '../status/sealed-dates.ts';
import { approveLine, scopeText } from './hold-text.ts';
import { ageText, dueText } from './status-age.ts';
import { wrapped } from './status-lines.ts';
import { noteLines } from './status-notes.ts';
import { statusTable } from './status-table.ts';
import type { StatusColumn, StatusGroup, StatusRow } from './status-table.ts';
import type { Style } from './style.ts';

export interface StatusTextOptions {
  /** Milliseconds of the wall clock. */
  readonly now: number;
  /** Characters; Infinity in a pipe. */
  readonly width: number;
  readonly style: Style;
  /** As they were given, for lines to copy: `--context home`. */
  readonly flagsOf: (cluster: string) => string;
  /** Leaves out what is well, and says how much. */
  readonly onlyUnwell?: boolean;
}

const TITLES: readonly (readonly [Reported['kind'], string])[] = [
  ['source', 'SOURCE'],
  ['secret', 'SECRET'],
  ['push', 'PUSH'],
  ['restart', 'RESTART'],
];

/** The state of everything in one cluster or in several, and what to do about what is not well. */
export function statusText(
  reports: readonly ClusterReport[],
  credentials: readonly SealedDate[],
  options: StatusTextOptions,
): string {
  const { width, style, onlyUnwell = false } = options;
  const isOne = reports.length === 1;
  const columns: readonly StatusColumn[] = [
    ...(isOne ? [] : [{ title: 'CLUSTER' }]),
    { title: '', isName: true },
    { title: 'STATE' },
    { title: 'LAST CHANGE', worth: 1 },
    { title: 'LAST SUCCESS', worth: 3 },
    { title: 'NEXT RUN', worth: 2 },
  ];
  const groups = TITLES.flatMap(([kind, title]): readonly StatusGroup[] => {
    const rows = rowsOf(reports, kind, isOne, options);
    return rows.length === 0 ? [] : [{ title, rows }];
  });
  const left = onlyUnwell ? wellOf(reports) : 0;
  const table = statusTable(columns, groups, width, style);
  const lines = [
    ...reports.flatMap((report) => headLines(report, options)),
    ...(table.length > 0 ? ['', ...table] : []),
    ...(left > 0 ? [style.faint(`    and ${left} that are well`)] : []),
    ...heldLines(reports, isOne, options),
    ...(onlyUnwell ? [] : credentialLines(credentials, reports, options)),
  ];
  return `${lines.join('\n')}\n`;
}

function headLines(report: ClusterReport, { now, width, style }: StatusTextOptions): readonly string[] {
  const { cluster, agent, status, problem, aheadMs } = report;
  const said = (text: string) => wrapped(text, '    ', width);
  if (status === undefined)
    return [`${style.bad('!')} ${style.strong(cluster)}`, ...said(problem ?? 'nothing is known')];
  const there = now + aheadMs;
  const { config } = status;
  const about = [
    `agent ${agent} ${status.version}`,
    ...(status.startedAt === undefined ? [] : [`started ${ageText(status.startedAt, there)}`]),
    ...(status.leader === undefined ? [] : [`leader ${status.leader}`]),
    ...(config.loadedAt === undefined ? [] : [`config loaded ${ageText(config.loadedAt, there)}`]),
  ];
  const head = wrapped(`${cluster}: ${about.join(', ')}`, '', width);
  return [
    ...head.map((line, index) => (index === 0 ? line.replace(cluster, () => style.strong(cluster)) : line)),
    ...noteLines(report, { now, width, style }),
  ];
}

function rowsOf(
  reports: readonly ClusterReport[],
  kind: Reported['kind'],
  isOne: boolean,
  { now, onlyUnwell = false }: StatusTextOptions,
): readonly StatusRow[] {
  const all = reports.flatMap(({ cluster, status, aheadMs }) =>
    (status?.reported ?? []).map((reported) => ({ cluster, reported, there: now + aheadMs })),
  );
  return all
    .filter(({ reported }) => reported.kind === kind && !(onlyUnwell && reported.ok))
    .toSorted((a, b) => (a.reported.name < b.reported.name ? -1 : a.reported.name > b.reported.name ? 1 : 0))
    .map(({ cluster, reported, there }) => ({
      ok: reported.ok,
      cells: [
        ...(isOne ? [] : [cluster]),
        reported.name,
        reported.state,
        ageText(reported.changedAt, there),
        ageText(reported.goodAt, there),
        reported.kind === 'source' ? dueText(reported.nextAt, there) : '',
      ],
      below: [...(reported.secrets ? [`for ${reported.secrets.join(', ')}`] : []), ...reported.messages],
    }));
}

function wellOf(reports: readonly ClusterReport[]): number {
  return reports.flatMap(({ status }) => status?.reported ?? []).filter(({ ok }) => ok).length;
}

function heldLines(reports: readonly ClusterReport[], isOne: boolean, options: StatusTextOptions): readonly string[] {
  const { width, style, flagsOf } = options;
  const held = reports.flatMap(({ cluster, status }) => (status?.holds ?? []).map((hold) => ({ cluster, hold })));
  if (held.length === 0) return [];
  return [
    '',
    style.faint('    HELD'),
    ...held.flatMap(({ cluster, hold }) => [
      `  ${style.bad('!')} ${isOne ? '' : `${cluster}: `}${style.strong(scopeText(hold.scope))}`,
      ...hold.messages.flatMap((text) => wrapped(text, '      ', width)),
      `      ${approveLine(hold.scope)}${flagsOf(cluster)}`,
    ]),
  ];
}

function credentialLines(
  credentials: readonly SealedDate[],
  reports: readonly ClusterReport[],
  { now, style }: StatusTextOptions,
): readonly string[] {
  if (credentials.length === 0) return [];
  const longest = Math.max(...credentials.map(({ path }) => path.length));
  return [
    '',
    style.faint('    SEALED CREDENTIAL, in the config at hand'),
    ...credentials.map(
      ({ path, sealedAt }) =>
        `    ${path.padEnd(longest)}  sealed on ${sealedAt.slice(0, 10)}, ${ageText(sealedAt, now)}${lastUseText(path, reports, now)}`,
    ),
  ];
}

/** Nothing of clusters whose agent has not said. */
function lastUseText(path: string, reports: readonly ClusterReport[], now: number): string {
  const isOne = reports.length === 1;
  const uses = reports.flatMap(({ cluster, status, aheadMs }) => {
    const used = status?.credentials?.find((one) => one.path === path);
    if (used === undefined) return [];
    const age = used.usedAt === undefined ? undefined : ageText(used.usedAt, now + aheadMs);
    if (isOne) return [age === undefined ? 'not used since the agent started' : `last used ${age}`];
    return [`${cluster} ${age ?? 'not since its agent started'}`];
  });
  if (uses.length === 0) return '';
  return isOne ? `; ${uses.join()}` : `; last used: ${uses.join(', ')}`;
}
