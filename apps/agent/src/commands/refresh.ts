import { OWN } from '@hikyaku/kubernetes';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { GlobalOptions } from '../global-options.ts';
import { Progress } from '../output/progress.ts';
import { refreshText } from '../output/refresh-text.ts';
import { styleFor } from '../output/style.ts';
import { askAgent, reachAgent, usernameOf } from '../status/ask-agent.ts';
import { readRefreshAnswer } from '../status/read-answer.ts';
import { UserError } from '../user-error.ts';

export interface RefreshOptions extends GlobalOptions {
  /** Milliseconds. */
  readonly timeout: number;
}

/** Asks the running agent to read again now, waits, and says what came of it. */
export async function refresh(what: string | undefined, options: RefreshOptions, edge: Edge): Promise<ExitCode> {
  const started = performance.now();
  const { stdout, signal } = edge;
  using progress = new Progress(edge, !options.json);
  await using agent = reachAgent(options, edge);
  progress.show(`asking the agent in ${agent.cluster}`);
  const at = new Date().toISOString();
  const value = { kind: 'refresh', ...(what !== undefined && { what }), at, ...(await usernameOf(agent, edge)) };
  const { timeout: timeoutMs } = options;
  const onTaken = () => progress.show(`the agent in ${agent.cluster} is reading`);
  const answer = readRefreshAnswer(await askAgent(agent, { object: OWN.request, value, timeoutMs, onTaken, signal }));
  progress.clear();
  if (answer.state !== 'done')
    throw new UserError(`${agent.cluster}: ${answer.message ?? 'the agent has refused'}`, EXIT.failed);
  if (answer.cut === true)
    throw new UserError(
      `${agent.cluster}: it has been read, and what came of it is too much for an answer: look into the status (ConfigMap ${agent.namespace}/hikyaku-status)`,
      EXIT.failed,
    );
  const tookSeconds = (performance.now() - started) / 1000;
  stdout.write(
    options.json
      ? `${JSON.stringify({ cluster: agent.cluster, agent: agent.namespace, ...answer }, null, 2)}\n`
      : refreshText(answer, agent, tookSeconds, styleFor(edge, stdout)),
  );
  return answer.wrong.length > 0 ? EXIT.failed : EXIT.fine;
}
