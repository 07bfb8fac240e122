import type { Action } from '@hikyaku/engine';
import { isWell } from '@hikyaku/engine';
import { grantsText } from '../output/grants-text.ts';
import { planSummary } from '../output/plan-text.ts';
import { statusTable } from '../output/status-table.ts';
import type { StatusGroup, StatusRow } from '../output/status-table.ts';
import type { Style } from '../output/style.ts';
import { undecidedIds } from '../output/undecided-text.ts';
import { wrapped } from '../output/status-lines.ts';
import type { ClusterPlan } from './cluster-plan.ts';
import type { ClusterProblem } from './unless-problem.ts';

/** One of several clusters. */
export interface PlannedContext {
  readonly context: string;
  readonly plan: ClusterPlan | ClusterProblem;
}

export interface PlansTextOptions {
  /** Characters; Infinity in a pipe. */
  readonly width: number;
  readonly style: Style;
}

/** What would change in each of them, in one table; which keys they are, `plan` of one cluster says. */
export function plansText(planned: readonly PlannedContext[], { width, style }: PlansTextOptions): string {
  const groups: readonly StatusGroup[] = [
    { title: 'SOURCE', rows: planned.flatMap((one) => sourceRows(one)) },
    { title: 'SECRET', rows: sorted(planned.flatMap((one) => secretRows(one))) },
    { title: 'PUSH', rows: sorted(planned.flatMap((one) => pushRows(one))) },
  ];
  const columns = [{ title: 'CLUSTER' }, { title: '', isName: true }, { title: 'ACTION' }, { title: 'KEYS', worth: 1 }];
  const table = statusTable(
    columns,
    groups.filter(({ rows }) => rows.length > 0),
    width,
    style,
  );
  // From a laptop they are the same file for all.
  const grants = new Set(
    planned.flatMap(({ plan }) =>
      'problem' in plan || plan.grants === undefined ? [] : [grantsText(plan.grants, style)],
    ),
  );
  const heads = planned.flatMap(({ context, plan }) =>
    'problem' in plan
      ? [`${style.bad('✗')} ${style.strong(context)}`, ...wrapped(plan.problem, '    ', width)]
      : [`  ${style.strong(context)}: ${planSummary(plan.actions)}`],
  );
  return [[...heads, ...(table.length > 0 ? ['', ...table] : []), ''].join('\n'), ...grants].join('');
}

function sourceRows({ context, plan }: PlannedContext): readonly StatusRow[] {
  if ('problem' in plan) return [];
  return [...plan.sources.values()].map(({ source, ok, secrets = 0, error }) => ({
    ok,
    cells: [context, source, ok ? 'read' : 'failed', ok ? String(secrets) : ''],
    below: ok ? [] : [error?.message ?? 'failed'],
  }));
}

function secretRows({ context, plan }: PlannedContext): readonly StatusRow[] {
  if ('problem' in plan) return [];
  const rows = plan.actions.filter(isTold).map((action) => ({
    ok: !isProblem(action),
    cells: [context, action.id, action.kind === 'keep' ? 'not written' : action.kind, keysOf(action)],
    below: messagesOf(action),
  }));
  const left = undecidedIds(plan.undecided).map((id) => ({
    ok: false,
    cells: [context, id, 'left alone', ''],
    below: [
      'it is for certain clusters only, and the key of this one is not under `recipients`: hikyaku recipients add',
    ],
  }));
  return [...rows, ...left];
}

function pushRows({ context, plan }: PlannedContext): readonly StatusRow[] {
  if ('problem' in plan) return [];
  return plan.pushes
    .filter(({ state, changes }) => !isWell(state) || changes !== undefined)
    .map(({ id, state, changes, messages }) => ({
      ok: isWell(state),
      cells: [context, id, state, changes === undefined ? '' : countsText(changes)],
      below: messages,
    }));
}

function isTold(action: Action): boolean {
  return action.kind !== 'keep' || action.problems !== undefined;
}

function isProblem(action: Action): boolean {
  return action.kind === 'refuse' || action.kind === 'hold' || action.kind === 'keep';
}

function keysOf(action: Action): string {
  return 'changes' in action ? countsText(action.changes) : '';
}

function countsText({
  added,
  changed,
  removed,
}: {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}): string {
  const parts = [['+', added.length] as const, ['~', changed.length] as const, ['-', removed.length] as const];
  return parts.flatMap(([sign, number]) => (number > 0 ? [`${sign}${number}`] : [])).join(' ');
}

function messagesOf(action: Action): readonly string[] {
  switch (action.kind) {
    case 'keep':
      return (action.problems ?? []).map(({ message }) => message);
    case 'refuse':
      return [action.error.message];
    case 'hold':
      return [action.reason.message];
    default:
      return [];
  }
}

/** The same Secret of several clusters side by side. */
function sorted(rows: readonly StatusRow[]): readonly StatusRow[] {
  return rows.toSorted((a, b) => ((a.cells[1] ?? '') < (b.cells[1] ?? '') ? -1 : a.cells[1] === b.cells[1] ? 0 : 1));
}
