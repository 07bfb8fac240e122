import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Bytes: far more than an answer has, far less than what would harm the one who asks. */
const LONGEST_ANSWER = 64 * 1024 * 1024;

export interface AskOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/**
 * What a Node program writes to its standard output for this input; the whole of it, after it has ended well. What it says on
 * standard error is dropped. Throws otherwise, and the signal's reason; the process is gone by then.
 */
export function askChild(program: URL, input: string, { signal, timeoutMs }: AskOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const path = fileURLToPath(program);
    // A debugger would see the values.
    const flags = ['--disable-sigusr1', ...(path.endsWith('.ts') ? ['--conditions=@hikyaku/source'] : [])];
    // Nothing of our own environment: NODE_OPTIONS could load other code or bound its memory, and credentials may stand there.
    const child = spawn(process.execPath, [...flags, path], { env: {}, stdio: ['pipe', 'pipe', 'ignore'] });
    const chunks: Buffer[] = [];
    let length = 0;
    let failure: unknown;
    const kill = (reason: unknown) => {
      failure ??= reason;
      child.kill('SIGKILL');
    };
    const abort = () => kill(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const timer = setTimeout(() => kill(failed(`did not answer within ${timeoutMs / 1000} s`)), timeoutMs);
    child.on('error', () => (failure ??= failed('could not be started')));
    child.stdin.on('error', () => {
      // It has ended: its exit says more.
    });
    child.stdout.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > LONGEST_ANSWER) kill(failed('answered without end'));
      else chunks.push(chunk);
    });
    child.on('close', (code, killedBy) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      if (failure === undefined && code !== 0) failure = failed(`ended with ${killedBy ?? `exit code ${code}`}`);
      if (failure === undefined) resolve(Buffer.concat(chunks).toString());
      else reject(failure);
    });
    child.stdin.end(input);
  });
}

function failed(what: string): Error {
  return new Error(`the process that works with keys ${what}`);
}
