import { execFile } from 'node:child_process';
import { access, constants, readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

export interface ChromiumSurroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether it may install, and knows how: Debian, as root. */
  readonly mayInstall: () => Promise<boolean>;
  readonly run: (program: string, args: readonly string[]) => Promise<void>;
}

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'] as const;

/** Of Debian: what a machine needs that has none. */
const INSTALL: readonly (readonly [program: string, args: readonly string[]])[] = [
  ['apt-get', ['update']],
  ['apt-get', ['install', '--yes', '--no-install-recommends', 'chromium']],
];

/** The path of a Chromium: that of `CHROMIUM`, one on the PATH, or Debian's, which root installs. */
export async function ensureChromium(surroundings: ChromiumSurroundings = here): Promise<string> {
  const { env, mayInstall, run } = surroundings;
  const found = env['CHROMIUM'] ?? (await onPath(env));
  if (found !== undefined) return found;
  if (!(await mayInstall()))
    throw new Error('a browser is needed: install chromium or Google Chrome, or set CHROMIUM to the path of one');
  for (const [program, args] of INSTALL) await run(program, args);
  const installed = await onPath(env);
  if (installed === undefined) throw new Error('apt-get has installed chromium, and it is not on the PATH');
  return installed;
}

async function onPath({ PATH = '' }: ChromiumSurroundings['env']): Promise<string | undefined> {
  for (const name of NAMES)
    for (const folder of PATH.split(delimiter).filter((part) => part !== '')) {
      const path = join(folder, name);
      const isThere = await access(path, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (isThere) return path;
    }
  return undefined;
}

const here: ChromiumSurroundings = {
  env: process.env,
  async mayInstall() {
    if (process.getuid?.() !== 0) return false;
    const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
    return /^ID(?:_LIKE)?=.*debian/m.test(release);
  },
  async run(program, args) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    await promisify(execFile)(program, args, { env, maxBuffer: 64 * 1024 * 1024 });
  },
};
