import * as z from 'zod';

const GLOB = /^!?[^[\]{}!\0][^[\]{}\0]*$/;

const error =
  'must be a glob: `*` stands for any text, `?` for one character, `!` in front excludes; `[` and `{` have no meaning';

const keyGlob = z.string().regex(GLOB, { error });

/** One glob or a list of them, as `keys:` takes them. */
export const keyGlobs = z
  .union([keyGlob, z.array(keyGlob).min(1, { error: 'must not be an empty list: leave it out for all keys' })])
  .describe(
    'Which keys: globs with `*` and `?`; `!` excludes; all of them by default. A list of only excludes means everything but these',
  );

/** The globs of `keys:` apart: what is taken and what of it is left out again. */
export function splitGlobs(keys: string | readonly string[] = []): {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
} {
  const globs = typeof keys === 'string' ? [keys] : keys;
  const include = globs.filter((glob) => !glob.startsWith('!'));
  const exclude = globs.filter((glob) => glob.startsWith('!')).map((glob) => glob.slice(1));
  return { include: include.length === 0 ? ['*'] : include, exclude };
}

export function starsIn(glob: string): number {
  return glob.split('*').length - 1;
}

/** Whether a name matches a glob without `!`; in time bounded by the product of the two lengths. */
export function matchesGlob(glob: string, name: string): boolean {
  let [inGlob, inName, star, starred] = [0, 0, -1, 0];
  while (inName < name.length) {
    if (glob[inGlob] === '*') [star, starred, inGlob] = [inGlob, inName, inGlob + 1];
    else if (glob[inGlob] === '?' || glob[inGlob] === name[inName]) [inGlob, inName] = [inGlob + 1, inName + 1];
    else if (star === -1) return false;
    // The last star takes one character more.
    else [inGlob, inName, starred] = [star + 1, starred + 1, starred + 1];
  }
  return /^\**$/.test(glob.slice(inGlob));
}
