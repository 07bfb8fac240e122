import { isClusterWell } from '../status/look-at-status.ts';
import type { ClusterReport } from '../status/look-at-status.ts';
import type { Reported } from '../status/read-status.ts';
import type { SealedDate } from '../status/sealed-dates.ts';

/** For scripts; times are exact. */
export function statusJson(reports: readonly ClusterReport[], credentials: readonly SealedDate[]): object {
  return { ok: reports.every(isClusterWell), clusters: reports.map(clusterJson), credentials };
}

function clusterJson(report: ClusterReport): object {
  const { cluster, agent, status, problem } = report;
  const head = { cluster, agent, ok: isClusterWell(report), ...(problem !== undefined && { problem }) };
  if (status === undefined) return head;
  const { reported, holds, credentials, cut, writtenAt, version, startedAt, leader, publicKeys, config } = status;
  const all = (kind: Reported['kind'], word: string) =>
    reported.filter((one) => one.kind === kind).map(({ name, kind: _kind, ...rest }) => ({ [word]: name, ...rest }));
  return {
    ...head,
    upToDate: problem === undefined,
    writtenAt,
    version,
    startedAt,
    leader,
    publicKeys,
    config,
    sources: all('source', 'source'),
    secrets: all('secret', 'secret'),
    pushes: all('push', 'push'),
    restarts: all('restart', 'workload'),
    holds,
    credentials,
    cut,
  };
}
