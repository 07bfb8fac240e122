import type { RequestAnswer } from '@hikyaku/kubernetes';
import { printable } from '../output/printable.ts';

/** Of a source, a Secret or a push, that is not as it should be. */
export interface Wrong {
  readonly name: string;
  readonly kind: 'source' | 'secret' | 'push';
  readonly state: string;
  readonly messages: readonly string[];
}

export interface Changed {
  readonly secret: string;
  readonly outcome: string;
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

export interface ReadRefreshAnswer {
  readonly state: string;
  readonly message?: string;
  readonly sources: readonly string[];
  readonly secrets: number;
  readonly changed: readonly Changed[];
  readonly wrong: readonly Wrong[];
  /** What came of it did not fit into the answer. */
  readonly cut?: boolean;
  /** How many more have changed, or are wrong. */
  readonly more: number;
}

type Fields = Readonly<Record<string, unknown>>;

/** Whoever may write the ConfigMap may have written anything: nothing of it reaches a terminal but as plain text. */
export function readRefreshAnswer(answer: RequestAnswer & Fields): ReadRefreshAnswer {
  const { message, sources, secrets, changed, more } = answer;
  return {
    state: printable(answer.state),
    ...(typeof message === 'string' && { message: printable(message) }),
    sources: textsOf(sources),
    secrets: typeof secrets === 'number' ? secrets : 0,
    changed: recordsOf(changed).map((one) => ({
      secret: textOf(one['secret']),
      outcome: textOf(one['outcome']),
      added: textsOf(one['added']),
      changed: textsOf(one['changed']),
      removed: textsOf(one['removed']),
    })),
    wrong: wrongIn(answer),
    ...(answer['cut'] === true && { cut: true }),
    more: typeof more === 'object' && more !== null ? sum(Object.values(more)) : 0,
  };
}

function wrongIn({ wrong }: Fields): readonly Wrong[] {
  return recordsOf(wrong).map((one) => {
    const kind = KINDS.find((word) => typeof one[word] === 'string') ?? 'secret';
    return {
      kind,
      name: textOf(one[kind] ?? one['id']),
      state: textOf(one['state']),
      messages: textsOf(one['messages']),
    };
  });
}

const KINDS = ['source', 'secret', 'push'] as const;

function recordsOf(value: unknown): readonly Fields[] {
  if (!Array.isArray(value)) return [];
  return value.filter((one: unknown): one is Fields => typeof one === 'object' && one !== null);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? printable(value) : '';
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.flatMap((one: unknown) => (typeof one === 'string' ? [printable(one)] : [])) : [];
}

function sum(values: readonly unknown[]): number {
  let total = 0;
  for (const value of values) if (typeof value === 'number') total += value;
  return total;
}
