import { systemClock } from '@hikyaku/core';
import type { CallOptions } from '@hikyaku/core';
import { isKubeError, path, watchByName } from '@hikyaku/kube-client';
import { OWN } from '@hikyaku/kubernetes';
import type { ReachedAgent } from './ask-agent.ts';
import { lookAtStatus, noStatus, problemOf, readStatusOf, reportOf } from './look-at-status.ts';
import type { ClusterReport } from './look-at-status.ts';

export interface FollowOptions extends CallOptions {
  readonly timeoutMs: number;
  readonly onReport: (report: ClusterReport) => void;
}

/** Times that change by themselves come only from the agent, and whether it is still there. */
const LOOK_EVERY_MS = 30_000;
const TRY_AGAIN_MS = 3_000;
const READ_EVERY_MS = 5_000;

/** Reports at once, at every change of the status object, and what is wrong with the cluster; until the signal aborts. */
export async function followStatus(agent: ReachedAgent, { timeoutMs, onReport, signal }: FollowOptions): Promise<void> {
  const options = { timeoutMs, signal };
  let last: ClusterReport = reportOf(agent, {});
  let callAgain = (): void => {};
  const looked = Promise.withResolvers<void>();

  function tell(report: ClusterReport): void {
    // What was known stays, with the reason why it may be old.
    last =
      report.status === undefined && last.status !== undefined ? { ...last, problem: report.problem ?? '' } : report;
    if (!signal.aborted) onReport(last);
    // Whether that is over is soon asked.
    if (report.problem !== undefined) callAgain();
  }

  async function look(): Promise<void> {
    const sleep = (ms: number, until: AbortSignal) => systemClock.sleep(ms, { signal: until }).catch(() => {});
    while (!signal.aborted) {
      const called = new AbortController();
      callAgain = () => called.abort();
      tell(await lookAtStatus(agent, options));
      looked.resolve();
      await sleep(TRY_AGAIN_MS, signal);
      if (last.problem === undefined) await sleep(LOOK_EVERY_MS, AbortSignal.any([signal, called.signal]));
    }
  }

  async function read(): Promise<void> {
    try {
      const status = await readStatusOf(agent, options);
      if (status === undefined) tell(reportOf(agent, { problem: noStatus(agent) }));
      // The same one says nothing of whether its agent still runs.
      else if (JSON.stringify(status) !== JSON.stringify(last.status)) {
        tell(reportOf(agent, { status, aheadMs: last.aheadMs }));
        const hasTimes = status.reported.some((one) => one.goodAt !== undefined || one.nextAt !== undefined);
        if (!hasTimes) callAgain();
      }
    } catch (error) {
      tell(reportOf(agent, { problem: problemOf(error, signal) }));
    }
  }

  async function watch(): Promise<void> {
    await looked.promise;
    const { client, namespace } = agent;
    // What is wrong is said by who looks, or two would say it in turns in other words.
    const onError = () => callAgain();
    const collection = path`/api/v1/namespaces/${namespace}/configmaps`;
    try {
      for await (const _ of watchByName(client, collection, OWN.status, { signal, onError })) await read();
    } catch (error) {
      if (signal.aborted) return;
      if (!isKubeError(error)) throw error;
    }
    // Who may read it and not watch it sees a change a little later.
    while (!signal.aborted) {
      await systemClock.sleep(READ_EVERY_MS, { signal }).catch(() => {});
      if (!signal.aborted) await read();
    }
  }

  await Promise.all([look(), watch()]);
}
