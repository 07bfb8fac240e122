import { isInteractive } from '../edge.ts';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import { TerminalInput } from '../terminal-input.ts';
import { UserError } from '../user-error.ts';

export interface Question {
  readonly message: string;
  readonly initialValue: string;
  /** What is wrong with an answer. */
  readonly problem?: (answer: string) => string | undefined;
}

/** What a person answers; the initial value where nobody is there to be asked. Throws a UserError where that is not good either. */
export async function askText({ message, initialValue, problem }: Question, edge: Edge): Promise<string> {
  if (!isInteractive(edge)) {
    const wrong = problem?.(initialValue);
    if (wrong !== undefined) throw new UserError(wrong);
    return initialValue;
  }
  const { text } = await import('@clack/prompts');
  return await ask(edge, (streams) =>
    text({ message, initialValue, validate: (answer = '') => problem?.(answer), ...streams }),
  );
}

/** One of several; the first where nobody is there to be asked. */
export async function askChoice<T extends string>(
  message: string,
  choices: readonly [Choice<T>, ...Choice<T>[]],
  edge: Edge,
): Promise<T> {
  if (!isInteractive(edge)) return choices[0].value;
  const { select } = await import('@clack/prompts');
  const options: { value: string; label: string }[] = [...choices];
  const value = await ask(edge, (streams) => select({ message, options, ...streams }));
  return (choices.find((choice) => choice.value === value) ?? choices[0]).value;
}

export interface Choice<T extends string> {
  readonly value: T;
  readonly label: string;
}

interface Streams {
  readonly input: TerminalInput;
  readonly output: Edge['stderr'];
  readonly signal: AbortSignal;
}

async function ask(
  { stdin, stderr: output, signal }: Edge,
  question: (streams: Streams) => Promise<string | symbol>,
): Promise<string> {
  using input = new TerminalInput(stdin);
  const answer = await question({ input, output, signal });
  if (typeof answer === 'symbol') throw new UserError('interrupted: nothing was written', EXIT.interrupted);
  return answer;
}

/** The same, as if nobody was there: what is usual is taken. */
export function unasked(edge: Edge): Edge {
  const stdin = Object.create(edge.stdin, { isTTY: { value: false } }) as Edge['stdin'];
  return { ...edge, stdin };
}
