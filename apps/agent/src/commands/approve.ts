import { OWN, StatusObject } from '@hikyaku/kubernetes';
import type { HoldStatus } from '@hikyaku/kubernetes';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { GlobalOptions } from '../global-options.ts';
import { approveLine, holdText, scopeText } from '../output/hold-text.ts';
import { Progress } from '../output/progress.ts';
import { wrongLines } from '../output/refresh-text.ts';
import { styleFor } from '../output/style.ts';
import { APPROVAL_MS, isScope } from '../status/answer-approval.ts';
import { askAgent, explained, reachAgent, usernameOf } from '../status/ask-agent.ts';
import type { ReachedAgent } from '../status/ask-agent.ts';
import { readRefreshAnswer } from '../status/read-answer.ts';
import { UserError } from '../user-error.ts';
import { confirmOrStop } from '../writing/confirm.ts';

export interface ApproveOptions extends GlobalOptions {
  readonly yes?: boolean;
  /** Milliseconds. */
  readonly timeout: number;
}

/** Shows what the running agent holds back, and lets exactly that go. */
export async function approve(what: string, options: ApproveOptions, edge: Edge): Promise<ExitCode> {
  const { stdout, stderr, signal } = edge;
  await using agent = reachAgent(options, edge);
  const { cluster } = agent;
  const hold = await findHold(what, agent, edge);
  if (!options.json) stderr.write(holdText(hold, cluster, styleFor(edge, stderr)));
  if (options.yes !== true) await confirmOrStop('Let exactly this go?', edge);

  using progress = new Progress(edge, !options.json);
  progress.show(`asking the agent in ${cluster}`);
  const { scope, digest } = hold;
  const now = Date.now();
  const [at, expires] = [new Date(now).toISOString(), new Date(now + APPROVAL_MS).toISOString()];
  const value = { scope, digest, at, expires, ...(await usernameOf(agent, edge)) };
  const { timeout: timeoutMs } = options;
  const onTaken = () => progress.show(`the agent in ${cluster} lets it go`);
  const answer = await askAgent(agent, { object: OWN.approval, value, timeoutMs, onTaken, signal });
  progress.clear();
  const { state, message, wrong } = readRefreshAnswer(answer);
  if (options.json)
    stdout.write(
      `${JSON.stringify({ cluster, agent: agent.namespace, scope, digest, state, message, wrong }, null, 2)}\n`,
    );
  else if (state === 'given' || state === 'over') {
    const style = styleFor(edge, stdout);
    const said = state === 'given' ? `approved: ${scopeText(scope)}` : (message ?? 'nothing is held there any more');
    stdout.write([`${cluster}: ${said}`, ...wrong.flatMap((one) => wrongLines(one, style)), ''].join('\n'));
  } else throw new UserError(`${cluster}: ${message ?? 'the agent has refused'}`, EXIT.failed);
  return (state === 'given' || state === 'over') && wrong.length === 0 ? EXIT.fine : EXIT.failed;
}

async function findHold(what: string, agent: ReachedAgent, edge: Edge): Promise<HoldStatus> {
  const { client, cluster, namespace } = agent;
  const scope = what === 'config' || what.includes(':') ? what : `source:${what}`;
  if (!isScope(scope)) throw new UserError(`${what}: it has to be a source, push:SOURCE or config`);
  const object = new StatusObject(client, { agent: namespace, proof: 'look' });
  const status = await object.read(edge).catch((error: unknown) => {
    throw explained(error, agent, OWN.status, 'get');
  });
  if (status === undefined)
    throw new UserError(
      `no agent has reported in ${cluster} (ConfigMap ${namespace}/${OWN.status}): is it running, and is it a version that does?`,
      EXIT.failed,
    );
  const hold = status.holds.find((one) => one.scope === scope);
  if (hold !== undefined) return hold;
  const others = status.holds.map((one) => approveLine(one.scope));
  const there = others.length > 0 ? `; what is held: ${others.join(', ')}` : '';
  throw new UserError(`${cluster}: nothing is held of ${scopeText(scope)}${there}`, EXIT.failed);
}
