import type { Readable, Writable } from 'node:stream';

/** What a command touches of its process; nothing else reads `process`. */
export interface Edge {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  /** Aborts at SIGINT, SIGTERM and SIGHUP; the reason is the signal's name. */
  readonly signal: AbortSignal;
}

/** Whether a person sits there who can be asked. */
export function isInteractive({ stdin, stderr }: Edge): boolean {
  return stdin.isTTY === true && stderr.isTTY === true;
}
