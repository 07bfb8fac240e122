import type { CallOptions } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import type { KubeClient } from '@hikyaku/kube-client';
import { approveLine, scopeText } from '../../output/hold-text.ts';
import { printable } from '../../output/printable.ts';
import { shellWord } from '../../output/shell-word.ts';
import { isScope } from '../../status/answer-approval.ts';
import { lookAtStatus } from '../../status/look-at-status.ts';
import type { Reported, ReadStatus } from '../../status/read-status.ts';
import { version } from '../../version.ts';
import type { Check } from '../diagnose.ts';
import type { Examination } from '../examination.ts';
import { fine, found } from '../finding.ts';
import type { Finding } from '../finding.ts';

/** Whether an agent runs, is of this version, and says that all is well. */
export const agent: Check = {
  name: 'agent',
  async run(examination, options) {
    const client = await examination.client(options);
    if (client === undefined || (await examination.isAgent(options))) return [];
    const { agent: namespace, cluster, lines, options: given } = examination;
    const thing = `agent ${namespace}`;
    const reached = { client, cluster, namespace, [Symbol.asyncDispose]: () => Promise.resolve() };
    const timeoutMs = Math.min(MOST_MS, given.timeout * 0.8);
    const report = await lookAtStatus(reached, { timeoutMs, signal: options.signal });
    const { status, problem } = report;
    if (status === undefined) {
      const remedy = await starting(examination, client, options);
      return [found('AGENT_NEVER_REPORTED', thing, problem ?? 'has reported nothing', remedy)];
    }
    const findings = [
      ...skew(thing, status),
      ...status.reported.flatMap((one) => unwell(one, examination)),
      ...held(status, examination),
    ];
    if (problem?.includes('you may not') === true)
      return [
        found('CANNOT_LOOK', thing, problem, {
          advice: 'what it last said counts; look with a kubeconfig that may ask it',
        }),
        ...findings,
      ];
    if (problem !== undefined)
      return [found('AGENT_SILENT', thing, problem, await starting(examination, client, options)), ...findings];
    if (findings.some(({ severity }) => severity === 'problem')) return findings;
    return [
      fine(
        thing,
        `${printable(status.version)}, all is well with ${status.reported.length} things; ${lines.hikyaku('status')} shows them`,
      ),
      ...findings,
    ];
  },
};

/** One that runs answers within seconds; and less than the check has. */
const MOST_MS = 8_000;

async function starting(
  { agent: namespace, lines }: Examination,
  client: KubeClient,
  { signal }: CallOptions,
): Promise<{ readonly advice: string; readonly command: string }> {
  for (const kind of ['deployment', 'daemonset']) {
    const path = `/apis/apps/v1/namespaces/${namespace}/${kind}s/hikyaku`;
    const isThere = await client.request('GET', path, { signal }).then(
      () => true,
      (error: unknown) => {
        if (isKubeError(error) && (error.code === 'NOT_FOUND' || error.code === 'FORBIDDEN')) return false;
        throw error;
      },
    );
    if (!isThere) continue;
    return {
      advice: `look at its log (${lines.kubectl(`--namespace ${namespace} logs ${kind}/hikyaku`)}), put right what it says, and start it again`,
      command: lines.kubectl(`--namespace ${namespace} rollout restart ${kind}/hikyaku`),
    };
  }
  return {
    advice: 'no Deployment and no DaemonSet of that name is there: apply the folder that `hikyaku init` has written',
    command: lines.kubectl('apply -k .'),
  };
}

function skew(thing: string, status: ReadStatus): readonly Finding[] {
  if (status.version === VERSION || status.version === version) return [];
  return [
    found(
      'VERSION_SKEW',
      thing,
      `is ${printable(status.version)}, and this command ${VERSION}: they may judge differently`,
      {
        advice: 'bring both to one version: the image in its file, or this command',
      },
    ),
  ];
}

const VERSION = `hikyaku ${version}`;

function unwell({ ok, kind, name, state, messages }: Reported, { lines }: Examination): readonly Finding[] {
  if (ok) return [];
  // Whoever may write the status may have made up a name that would be a flag.
  const isNamed = (kind === 'source' || kind === 'secret') && !name.startsWith('-');
  const what = isNamed ? `refresh ${shellWord(name)}` : 'refresh';
  return [
    found('AGENT_UNWELL', `${kind} ${name}, as the agent says`, [state, ...messages].join(': '), {
      advice: 'do what the message says, then have the agent look again',
      command: lines.hikyaku(what),
    }),
  ];
}

function held({ holds }: ReadStatus, { lines }: Examination): readonly Finding[] {
  // One that somebody has made up is no finding: `approve` does not take it.
  return holds
    .filter(({ scope }) => isScope(scope))
    .map(({ scope, messages }) =>
      found('AGENT_HOLDS', scopeText(scope), `is held: ${messages.join('; ')}`, {
        advice: 'put back what is missing, or let it go',
        command: lines.hikyaku(approveLine(scope).replace(/^hikyaku /, '')),
      }),
    );
}
