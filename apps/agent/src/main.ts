import './v8-flags.ts';
import { isProviderError } from '@hikyaku/core';
import { TargetError } from '@hikyaku/engine';
import { isKubeError } from '@hikyaku/kube-client';
import { runCommandLine } from './cli.ts';
import type { Edge } from './edge.ts';
import { EXIT } from './exit-code.ts';
import type { ExitCode } from './exit-code.ts';
import { ConfigError } from './load-config-file.ts';
import { printable, printableLines } from './output/printable.ts';
import { problemsJson, problemsText } from './output/problems-text.ts';
import { styleFor } from './output/style.ts';
import { UserError } from './user-error.ts';

/** For what is still being written to the terminal. */
const LEAVE_AFTER_MS = 1_000;

const stop = new AbortController();
// SIGHUP: somebody closes the terminal while secrets are open in an editor.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    // The second one does not wait.
    if (stop.signal.aborted) process.exit(EXIT.interrupted);
    stop.abort(name);
  });
}
process.on('uncaughtException', (error) => process.exit(explain(error)));

const { env, stdin, stdout, stderr } = process;
const edge: Edge = { env, stdin, stdout, stderr, signal: stop.signal };
// A reader that has seen enough (`| head`) is no failure.
for (const stream of [stdout, stderr])
  stream.on('error', (error) => process.exit('code' in error && error.code === 'EPIPE' ? EXIT.fine : EXIT.failed));

try {
  process.exitCode = await runCommandLine(process.argv.slice(2), edge);
} catch (error) {
  const interrupted = stop.signal.aborted && error === stop.signal.reason;
  if (interrupted) stderr.write('interrupted\n');
  process.exitCode = interrupted ? EXIT.interrupted : explain(error);
}

// What a plug-in has left open does not keep a process that was told to stop.
if (stop.signal.aborted) setTimeout(() => process.exit(), LEAVE_AFTER_MS).unref();

/** What went wrong, for a person; a stack only for a bug, and then without its message, which could quote a value. */
function explain(error: unknown): ExitCode {
  const style = styleFor(edge, stderr);
  const label = style.bad('error:');
  if (error instanceof ConfigError) {
    if (process.argv.includes('--json')) stdout.write(problemsJson(error.problems));
    else stderr.write(problemsText(error.problems, style));
    return error.exitCode;
  }
  if (error instanceof UserError) {
    for (const line of error.message.split('\n')) stderr.write(`${label} ${printable(line)}\n`);
    return error.exitCode;
  }
  if (isKubeError(error) || isProviderError(error) || error instanceof TargetError) {
    stderr.write(`${label} ${printableLines(error.message)}\n`);
    return EXIT.failed;
  }
  stderr.write(`${label} hikyaku stopped because of a bug in it; please report this\n${traceOf(error)}\n`);
  return EXIT.failed;
}

function traceOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  // Also lines of the message may look like frames.
  const stack = (error.stack ?? '').replace(error.message, () => '');
  const frames = stack.split('\n').filter((line) => /^\s+at .+:\d+:\d+\)?$/.test(line));
  return [error.name, ...frames].join('\n');
}
