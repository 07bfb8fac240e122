import { ProviderError, SecretValue } from '@hikyaku/core';
import type { Secret } from '@hikyaku/core';
import { parseJson } from '@hikyaku/provider-utils';
import type { DopplerConfig } from './doppler-config.ts';

/** One download, sorted into what it says and what it withholds. */
export interface Content {
  readonly secrets: ReadonlyMap<string, Secret>;
  readonly unknown: ReadonlyMap<string, ProviderError>;
}

const MANAGED_NAMES: ReadonlySet<string> = new Set(['DOPPLER_PROJECT', 'DOPPLER_ENVIRONMENT', 'DOPPLER_CONFIG']);

/** Whether Doppler adds this name to every config by itself. */
export function isManagedName(name: string): boolean {
  return MANAGED_NAMES.has(name);
}

/**
 * Checks the body of a download: a flat JSON object of strings that names the project and config it was made from. Anything
 * else is `INVALID_RESPONSE` as a whole; another project or config than the configured one is `INVALID_CONFIG`. A null is a
 * value that Doppler withholds, and so is unknown, never empty.
 */
export function parseDownload(body: Uint8Array, { project, config, managedSecrets }: DopplerConfig): Content {
  const entries = flatEntries(body);
  const served = servedFrom(entries);
  if (project !== undefined && config !== undefined && (served.project !== project || served.config !== config)) {
    throw new ProviderError(
      'INVALID_CONFIG',
      `the token opens project ${shown(served.project)} config ${shown(served.config)}, the file says project ${project} config ${config}: correct one of the two`,
    );
  }

  const secrets = new Map<string, Secret>();
  const unknown = new Map<string, ProviderError>();
  for (const [name, value] of entries) {
    if (!managedSecrets && isManagedName(name)) continue;
    if (value === null) {
      const message = `Doppler withholds the value of ${name} from this token: its visibility is restricted. Use a service token (dp.st.…) of the config`;
      unknown.set(name, new ProviderError('FORBIDDEN', message));
    } else {
      secrets.set(name, { value: SecretValue.of(value) });
    }
  }
  return { secrets, unknown };
}

type Entry = readonly [name: string, value: string | null];

function flatEntries(body: Uint8Array): readonly Entry[] {
  const parsed = parseJson(body);
  if (parsed === undefined) throw notADownload('it is not JSON');
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw notADownload('it is not a JSON object');
  return Object.entries(parsed).map(([name, value]: [string, unknown]): Entry => {
    if (name === '' || name.includes('\0')) throw notADownload('a name in it is not one that Doppler gives');
    if (value === null) return [name, null];
    if (typeof value !== 'string') throw notADownload('a value in it is neither a string nor null');
    // A lone half of a surrogate pair has no bytes: writing something else in its place would change the value.
    if (!value.isWellFormed()) throw notADownload('a value in it is not well-formed text');
    return [name, value];
  });
}

/** Every download has these names, so a body without them comes from somebody else, or is only a part. */
function servedFrom(entries: readonly Entry[]): { readonly project: string; readonly config: string } {
  const named = new Map(entries);
  const project = named.get('DOPPLER_PROJECT');
  const config = named.get('DOPPLER_CONFIG');
  if (typeof project !== 'string' || typeof config !== 'string')
    throw notADownload('DOPPLER_PROJECT or DOPPLER_CONFIG is missing');
  return { project, config };
}

/** Whoever answers in Doppler's place may put anything there, and a name of Doppler is short and plain. */
function shown(name: string): string {
  return /^[a-z0-9_-]{1,64}$/.test(name) ? name : '…';
}

function notADownload(because: string): ProviderError {
  return new ProviderError(
    'INVALID_RESPONSE',
    `this is not a download of Doppler: ${because}. Check that \`url\` is the Doppler API and that no proxy answers in its place`,
  );
}
