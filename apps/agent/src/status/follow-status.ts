import { systemClock } from '@hikyaku/core';
import type { CallOptions } from '@hikyaku/core';
import { isKubeError, path, watchByName } from '@hikyaku/kube-client';
import type { KubeError } from '@hikyaku/kube-client';
import { OWN } from '@hikyaku/kubernetes';
import type { ReachedAgent } from './ask-agent.ts';
import { explained } from './ask-agent.ts';
import { lookAtStatus, noStatus, problemOf, readStatusOf, reportOf } from './look-at-status.ts';
import type { ClusterReport } from './look-at-status.ts';

export interface FollowOptions extends CallOptions {
  readonly timeoutMs: number;
  readonly onReport: (report: ClusterReport) => void;
}

/** Times that change by themselves come only from the agent, and whether it is still there. */
const LOOK_EVERY_MS = 30_000;
const TRY_AGAIN_MS = 3_000;

/** Reports at once, at every change of the status object, and what is wrong with the cluster; until the signal aborts. */
export async function followStatus(agent: ReachedAgent, { timeoutMs, onReport, signal }: FollowOptions): Promise<void> {
  const options = { timeoutMs, signal };
  let last: ClusterReport = reportOf(agent, {});
  let wanted = Promise.withResolvers<void>();

  function tell(report: ClusterReport): void {
    // What was known stays, with the reason why it may be old.
    last =
      report.status === undefined && last.status !== undefined ? { ...last, problem: report.problem ?? '' } : report;
    if (!signal.aborted) onReport(last);
  }

  async function look(): Promise<void> {
    while (!signal.aborted) {
      tell(await lookAtStatus(agent, options));
      const pause = new AbortController();
      wanted = Promise.withResolvers();
      void wanted.promise.then(() => pause.abort());
      const ms = last.problem === undefined ? LOOK_EVERY_MS : TRY_AGAIN_MS;
      await systemClock.sleep(ms, { signal: AbortSignal.any([signal, pause.signal]) }).catch(() => {});
    }
  }

  async function changed(): Promise<void> {
    const status = await readStatusOf(agent, options);
    if (status === undefined) {
      tell(reportOf(agent, { problem: noStatus(agent) }));
      return;
    }
    if (status.writtenAt === last.status?.writtenAt) return;
    // It is the agent that has written it just now.
    tell(reportOf(agent, { status, aheadMs: last.aheadMs }));
    if (status.reported.some(({ kind, nextAt }) => kind === 'source' && nextAt === undefined)) wanted.resolve();
  }

  async function watch(): Promise<void> {
    const { client, namespace } = agent;
    const onError = (error: KubeError) => tell(reportOf(agent, { problem: problemOf(error, signal) }));
    const collection = path`/api/v1/namespaces/${namespace}/configmaps`;
    try {
      for await (const _ of watchByName(client, collection, OWN.status, { signal, onError }))
        await changed().catch((error: unknown) => tell(reportOf(agent, { problem: problemOf(error, signal) })));
    } catch (error) {
      if (signal.aborted) return;
      // Without the right it is looked at now and then all the same.
      if (!isKubeError(error)) throw error;
      tell(reportOf(agent, { problem: problemOf(explained(error, agent, OWN.status, 'get and watch'), signal) }));
    }
  }

  await Promise.all([look(), watch()]);
}
