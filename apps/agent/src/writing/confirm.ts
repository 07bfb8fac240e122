import { isInteractive } from '../edge.ts';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import { TerminalInput } from '../terminal-input.ts';
import { UserError } from '../user-error.ts';

/** Asks; a no, or nobody to ask, ends the command. */
export async function confirmOrStop(question: string, edge: Edge): Promise<void> {
  if (!isInteractive(edge))
    throw new UserError('nobody is there to confirm: nothing was written; --yes writes without asking');
  const prompts = await import('@clack/prompts');
  const { stderr: output, signal } = edge;
  using input = new TerminalInput(edge.stdin);
  const answer = await prompts.confirm({ message: question, initialValue: false, input, output, signal });
  if (prompts.isCancel(answer)) throw new UserError('interrupted: nothing was written', EXIT.interrupted);
  if (!answer) throw new UserError('nothing was written', EXIT.failed);
}
