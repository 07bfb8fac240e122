import type { Logger } from '@hikyaku/core';
import type { Edge } from '../edge.ts';
import { ConfigError } from '../load-config-file.ts';
import { UserError } from '../user-error.ts';
import { agent } from './checks/agent.ts';
import { agentRights } from './checks/agent-rights.ts';
import { apiServer } from './checks/api-server.ts';
import { config } from './checks/config.ts';
import { grants } from './checks/grants.ts';
import { identity } from './checks/identity.ts';
import { install } from './checks/install.ts';
import { namespaces } from './checks/namespaces.ts';
import { ownerRights } from './checks/owner-rights.ts';
import { pod } from './checks/pod.ts';
import { policy } from './checks/policy.ts';
import { sealed } from './checks/sealed.ts';
import { sourceChecks } from './checks/sources.ts';
import { yourRights } from './checks/your-rights.ts';
import { diagnose } from './diagnose.ts';
import type { Check } from './diagnose.ts';
import { Examination } from './examination.ts';
import type { DoctorOptions } from './examination.ts';
import type { Finding } from './finding.ts';

/** What was found in one cluster. */
export interface Examined {
  /** The context. */
  readonly cluster: string;
  /** The agent's id. */
  readonly agent: string;
  readonly findings: readonly Finding[];
}

const CHECKS: readonly Check[] = [
  config,
  apiServer,
  pod,
  install,
  agentRights,
  policy,
  grants,
  ownerRights,
  yourRights,
  namespaces,
  identity,
  sealed,
  agent,
];

/** Looks at everything, and changes nothing. `onProgress` is told what is not known yet. */
export async function examine(
  options: DoctorOptions,
  edge: Edge,
  logger: Logger,
  onProgress: (waiting: readonly string[]) => void = () => {},
): Promise<Examined> {
  await using examination = new Examination(options, edge, logger);
  const { cluster, agent: id } = examination;
  const waiting: [readonly string[], readonly string[]] = [[], []];
  const tell = (index: 0 | 1) => (names: readonly string[]) => {
    waiting[index] = names;
    onProgress(waiting.flat());
  };
  const findings = await Promise.all([
    diagnose(examination, CHECKS, tell(0)),
    ofSources(examination).then((checks) => diagnose(examination, checks, tell(1))),
  ]);
  return { cluster, agent: id, findings: findings.flat() };
}

/** None where the config or the cluster does not say which; other checks say why. */
async function ofSources(examination: Examination): Promise<readonly Check[]> {
  const { signal } = examination.edge;
  const late = AbortSignal.timeout(examination.options.timeout);
  const both = { signal: AbortSignal.any([signal, late]) };
  try {
    const here = await examination.here(both);
    const granted = await examination.granted(both);
    if (here === undefined || here instanceof UserError || granted === undefined || granted instanceof ConfigError)
      return [];
    return sourceChecks(here, granted);
  } catch (error) {
    signal.throwIfAborted();
    if (late.aborted) return [];
    throw error;
  }
}
