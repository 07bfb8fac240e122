import { expect, test } from 'vitest';
import { possibilitiesText } from './possibilities-text.ts';
import { problemsText } from './problems-text.ts';
import { styleFor } from './style.ts';

const stdin = process.stdin;
const style = styleFor(
  { env: {}, stdin, stdout: process.stdout, stderr: process.stderr, signal: AbortSignal.any([]) },
  {},
);
// Erases the line that it stands on, and the one above.
const HIDING = 'x\u001B[2K\u001B[1A\u001B[2K';

test('what a proposed config makes possible cannot hide itself from the terminal of its reviewer', () => {
  const added = [{ kind: 'file', what: HIDING }] as const;
  expect(possibilitiesText({ against: 'HEAD', added, granted: [] }, style)).toBe(
    String.raw`possible now, and not at HEAD:
  + file x\u001b[2K\u001b[1A\u001b[2K
`,
  );
});

test('nor can what is wrong with it', () => {
  const problem = { file: `${HIDING}.yaml`, line: 1, column: 2, path: HIDING, message: HIDING, suggestion: HIDING };
  expect(problemsText([problem], style)).not.toContain('\u001B');
});
