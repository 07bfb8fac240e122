import type { ClusterReport } from './look-at-status.ts';
import type { Reported } from './read-status.ts';

/** What concerns one source or one Secret, wherever it is told of. */
export function onlyStatus(what: string, report: ClusterReport): ClusterReport {
  const { status } = report;
  if (status === undefined) return report;
  const reported = status.reported.filter((one) => isMeant(what, one));
  const names = new Set([what, ...reported.map(({ name }) => name)]);
  const holds = status.holds.filter(
    ({ scope, changes }) =>
      scope === `source:${what}` || scope === `push:${what}` || changes.some(({ id }) => names.has(id)),
  );
  const { credentials: _, ...rest } = status;
  return { ...report, status: { ...rest, reported, holds } };
}

function isMeant(what: string, { kind, name, secrets = [] }: Reported): boolean {
  return name === what || (kind === 'push' && name.split(' → ').includes(what)) || secrets.includes(what);
}

/** Whether anything of this name is told of. */
export function hasAny({ status }: ClusterReport): boolean {
  return status !== undefined && status.reported.length + status.holds.length > 0;
}
