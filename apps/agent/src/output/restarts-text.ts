import type { RestartRecord } from '@hikyaku/engine';
import type { PlannedRestart } from '../planned-restarts.ts';
import type { Style } from './style.ts';

/** What a sync restarted, or why it did not. */
export function restartsText(records: Iterable<RestartRecord>, style: Style): string {
  const sorted = [...records].toSorted((a, b) => (a.workload < b.workload ? -1 : 1));
  return sorted
    .map(({ workload, state, changes, messages }) => {
      const mark = state === 'restarted' ? style.change('↻') : style.bad('!');
      const why = changes.map(({ secret }) => secret).join(', ');
      const words = state === 'restarted' ? `restarted for ${why}` : `not restarted for ${why}: ${state}`;
      return `  ${mark} ${workload}${style.faint(`  ${words}`)}\n${messages.map((message) => `      ${message}\n`).join('')}`;
    })
    .join('');
}

/** The same for scripts; nothing where nothing was to be restarted. */
export function restartsJson(records: Iterable<RestartRecord>): { readonly restarts?: readonly RestartRecord[] } {
  const restarts = [...records].toSorted((a, b) => (a.workload < b.workload ? -1 : 1));
  return restarts.length === 0 ? {} : { restarts };
}

/** Below a Secret of a plan. */
export function plannedRestartLines(planned: PlannedRestart | undefined, style: Style): readonly string[] {
  if (planned === undefined) return [];
  if ('problem' in planned) return [style.change('      ↻ restarts what uses it'), `        ${planned.problem}`];
  return planned.workloads.map((workload) => style.change(`      ↻ restarts ${workload}`));
}
