import { readFile } from 'node:fs/promises';
import { getHeapStatistics } from 'node:v8';
import type { Check } from '../diagnose.ts';
import { fine, found } from '../finding.ts';

/** The install files give it 48 MiB; without a flag V8 takes what it likes, up to what the machine has. */
const MOST_MIB = 128;
const MIB = 1_048_576;

/** Whether the agent's own process keeps to the memory that its container has. */
export const pod: Check = {
  name: 'process',
  async run({ inPod }) {
    if (!inPod) return [];
    const flags = await flagsOfAgent();
    const limitMiB = Math.round(getHeapStatistics().heap_size_limit / MIB);
    const isLimited = flags === undefined ? limitMiB <= MOST_MIB : flags.includes('--max-old-space-size=');
    const thing = 'process of the agent';
    if (isLimited) return [fine(thing, 'its memory is limited')];
    return [
      found('HEAP_NOT_LIMITED', thing, 'nothing limits its heap: past the limit of its container it is killed', {
        advice:
          'start it as the install files do: node --max-semi-space-size=1 --max-old-space-size=48 --disable-sigusr1 --report-exclude-env',
      }),
    ];
  },
};

/** The first process of the container, where this command was started beside it; `undefined` where that is something else. */
async function flagsOfAgent(): Promise<string | undefined> {
  const line = await readFile('/proc/1/cmdline', 'utf8').catch(() => '');
  const words = line.split('\0');
  return words[0]?.endsWith('node') === true && words.includes('run') ? line : undefined;
}
