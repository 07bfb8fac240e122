import type { CallOptions } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import { OWN, StatusObject } from '@hikyaku/kubernetes';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { GlobalOptions } from '../global-options.ts';
import { printable } from '../output/printable.ts';
import { ownNamespace } from '../own-namespace.ts';
import { UserError } from '../user-error.ts';
import { askAgent, explained, reachAgent } from './ask-agent.ts';
import type { ReachedAgent } from './ask-agent.ts';
import { readStatus } from './read-status.ts';
import type { ReadStatus } from './read-status.ts';

/** What is known of the agent of one cluster. */
export interface ClusterReport {
  /** The context. */
  readonly cluster: string;
  /** The namespace. */
  readonly agent: string;
  readonly status?: ReadStatus;
  /** Why there is no status, or nobody can tell whether it still is as it says. */
  readonly problem?: string;
  /** By how much the agent's clock is ahead of ours, milliseconds; 0 where that is not known. */
  readonly aheadMs: number;
}

export interface LookOptions extends CallOptions {
  /** For each of the API server and the agent, milliseconds. */
  readonly timeoutMs: number;
}

/** Everything is well there, and the agent itself has just said so. */
export function isClusterWell({ status, problem }: ClusterReport): boolean {
  if (status === undefined || problem !== undefined) return false;
  const { config, holds, reported } = status;
  const isDecided = config.problem === undefined && (config.undecided ?? 0) === 0;
  return isDecided && holds.length === 0 && reported.every(({ ok }) => ok);
}

/** Where the kubeconfig does not lead to a cluster, that is what is reported. */
export function reachOrSay(
  context: string,
  options: GlobalOptions,
  edge: Edge,
): { readonly agent: ReachedAgent } | { readonly report: ClusterReport } {
  try {
    return { agent: reachAgent({ ...options, context }, edge) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const agent = ownNamespace(options, edge);
    return { report: { cluster: printable(context), agent, problem: error.message, aheadMs: 0 } };
  }
}

/** Has the agent bring its status up to date, and reads it. Nothing is asked where there is none: no object is made by looking. */
export async function lookAtStatus(agent: ReachedAgent, options: LookOptions): Promise<ClusterReport> {
  try {
    const before = await readStatusOf(agent, options);
    if (before === undefined) return reportOf(agent, { problem: noStatus(agent) });
    const why = await bringUpToDate(agent, options);
    if (why !== undefined) return reportOf(agent, { status: before, problem: `not brought up to date: ${why}` });
    const status = (await readStatusOf(agent, options)) ?? before;
    const aheadMs = status.writtenAt === undefined ? 0 : Date.parse(status.writtenAt) - Date.now();
    return reportOf(agent, { status, aheadMs });
  } catch (error) {
    return reportOf(agent, { problem: problemOf(error, options.signal) });
  }
}

/** Without asking the agent. Throws UserError and KubeError. */
export async function readStatusOf(
  agent: ReachedAgent,
  { timeoutMs, signal }: LookOptions,
): Promise<ReadStatus | undefined> {
  const { client, cluster, namespace } = agent;
  const late = AbortSignal.timeout(timeoutMs);
  try {
    const object = new StatusObject(client, { agent: namespace, proof: 'look' });
    const document = await object.read({ signal: AbortSignal.any([signal, late]) });
    return document && readStatus(document);
  } catch (error) {
    if (late.aborted && !signal.aborted)
      throw new UserError(`${cluster} has not answered in ${timeoutMs / 1_000} s`, EXIT.failed);
    throw explained(error, agent, OWN.status, 'get');
  }
}

/** Or why the agent has not done so. */
async function bringUpToDate(agent: ReachedAgent, { timeoutMs, signal }: LookOptions): Promise<string | undefined> {
  try {
    const value = { kind: 'status', at: new Date().toISOString() };
    const { state, message } = await askAgent(agent, {
      object: OWN.request,
      value,
      timeoutMs,
      onTaken: () => {},
      signal,
    });
    if (state === 'done') return undefined;
    return typeof message === 'string' ? printable(message) : 'the agent has refused to bring its status up to date';
  } catch (error) {
    return problemOf(error, signal);
  }
}

/** Something that a person can put right; anything else is thrown again. */
export function problemOf(error: unknown, signal: AbortSignal): string {
  signal.throwIfAborted();
  if (error instanceof UserError || isKubeError(error)) return printable(error.message);
  throw error;
}

export function noStatus({ cluster, namespace }: ReachedAgent): string {
  return `no agent has reported in ${cluster} (ConfigMap ${namespace}/${OWN.status}): is it running (kubectl get pods -n ${namespace}), and is it a version that does?`;
}

export function reportOf(
  { cluster, namespace }: ReachedAgent,
  more: Partial<Pick<ClusterReport, 'status' | 'problem' | 'aheadMs'>>,
): ClusterReport {
  return { cluster: printable(cluster), agent: namespace, aheadMs: 0, ...more };
}
