import type { WriteStream } from 'node:tty';

export interface BuildProgress {
  /** One more package has been compiled. */
  countPackage(): void;
  end(line: string): void;
}

type Output = Pick<WriteStream, 'write'> & { readonly isTTY?: boolean };

const quietIntervalMs = 30_000;
const liveIntervalMs = 1000;

/** Says that a build runs and for how long: in a terminal a line that changes, elsewhere a line now and then. */
export function startBuildProgress(
  beginning: string,
  output: Output | { readonly log: (line: string) => void },
): BuildProgress {
  const startedAt = performance.now();
  const live = 'write' in output && output.isTTY === true;
  const say = 'log' in output ? output.log : (line: string) => void output.write(`${line}\n`);
  let packages = 0;
  const elapsed = () => {
    const time = formatElapsed(performance.now() - startedAt);
    return packages === 0 ? time : `${time}, ${packages} packages compiled`;
  };

  say(beginning);
  const timer = setInterval(
    () => {
      if (live) output.write(`\r\x1b[Kbuilding: ${elapsed()}`);
      else say(`still building: ${elapsed()}`);
    },
    live ? liveIntervalMs : quietIntervalMs,
  );
  return {
    countPackage: () => void packages++,
    end(line) {
      clearInterval(timer);
      if (live) output.write('\r\x1b[K');
      say(`${line} (${elapsed()})`);
    },
  };
}

function formatElapsed(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
