import type { ConfigFile } from '@hikyaku/config';
import { error } from './lint-finding.ts';
import type { Finding, FindingCode } from './lint-finding.ts';

interface Literal {
  readonly code: FindingCode;
  readonly what: string;
  readonly pattern: RegExp;
}

/** How secrets begin that say themselves what they are. A secret key of age is a problem of the config already. */
const LITERALS: readonly Literal[] = [
  { code: 'KEY_IN_FILE', what: 'a private key', pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----/g },
  // https://docs.doppler.com/reference/auth-token-formats
  { code: 'TOKEN_IN_FILE', what: 'a token of Doppler', pattern: /\bdp\.(st|pt|ct|said|sa|scim|audit)\.[\w.-]{20,}/g },
  { code: 'TOKEN_IN_FILE', what: 'a token of GitHub', pattern: /\b(gh[oprsu]_\w{30,}|github_pat_\w{30,})/g },
  { code: 'TOKEN_IN_FILE', what: 'a JSON Web Token', pattern: /\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}/g },
];

/**
 * What looks like a secret, anywhere in the text, comments too. The words of the config that name credentials refuse one there
 * anyway. Holds nothing of what it found. Pure.
 */
export function lintLiterals({ path: file, text }: ConfigFile): readonly Finding[] {
  return text
    .split('\n')
    .flatMap((line, index) =>
      LITERALS.flatMap(({ code, what, pattern }) =>
        [...line.matchAll(pattern)].map((match) =>
          error(
            { position: { file, line: index + 1, column: match.index + 1 }, path: '' },
            code,
            `${what} stands here for everybody who can read the file, and in its history`,
            code === 'KEY_IN_FILE'
              ? 'take it out, make another key, and replace all that it opens'
              : 'revoke it, issue another one, and run hikyaku seal',
          ),
        ),
      ),
    );
}
