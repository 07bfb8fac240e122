import { stat } from 'node:fs/promises';
import { isNoticeCredential } from '@hikyaku/config';
import type { Config, CredentialReference, SourceConfig } from '@hikyaku/config';
import { isProviderError, systemClock } from '@hikyaku/core';
import type { CallOptions, ProviderError } from '@hikyaku/core';
import { demands } from '@hikyaku/engine';
import type { Demand } from '@hikyaku/engine';
import { Credentials } from '../../credentials/credentials.ts';
import type { GrantedConfig } from '../../grants/load-granted.ts';
import type { Here } from '../../identity/here.ts';
import { count } from '../../output/count.ts';
import { printable } from '../../output/printable.ts';
import { shellWord } from '../../output/shell-word.ts';
import { usedSources } from '../../sealing/used-sources.ts';
import { SourceConnections } from '../../source-connections.ts';
import { clock } from '../clock.ts';
import type { Check } from '../diagnose.ts';
import type { Examination } from '../examination.ts';
import { fine, found } from '../finding.ts';
import type { Finding } from '../finding.ts';
import { fileMode } from '../file-mode.ts';
import { replacing } from '../replacing.ts';
import type { CredentialAt } from '../replacing.ts';
import { sourceTrouble } from './source-trouble.ts';

/** One check for each source that this cluster uses: its credentials, and one cheap request. */
export function sourceChecks({ config, sealed }: Here, { limits }: GrantedConfig): readonly Check[] {
  const demanded = demands(config.secrets);
  return [...usedSources(config)].flatMap((name) => {
    const source = config.sources.get(name);
    if (source === undefined) return [];
    return [{ name: `source ${name}`, run }];
    async function run(examination: Examination, options: CallOptions): Promise<readonly Finding[]> {
      if (source === undefined) return [];
      const surroundings = surroundingsOf(examination, sealed, limits);
      const own = new Credentials(source, surroundings);
      const credentials = await credentialFindings(source, own, examination, sealed, options);
      // Not having it here says nothing of the source.
      if (
        credentials.some(
          ({ code }) => code.startsWith('CREDENTIAL_UN') || code === 'CREDENTIAL_NOT_HERE' || code === 'CANNOT_LOOK',
        )
      )
        return credentials;
      await using connections = new SourceConnections(surroundings);
      const answer = await ask(source, connections, demanded.get(name), options);
      const clocks = source.description.origins.flatMap((url) => clock(examination, `source ${name}`, url));
      if (isProviderError(answer)) return [...credentials, sourceTrouble(source, answer, examination), ...clocks];
      return [...credentials, ...absent(config, source, answer, examination), ...clocks];
    }
  });
}

function surroundingsOf(examination: Examination, sealed: Here['sealed'], limits: GrantedConfig['limits']) {
  return {
    ...limits,
    env: examination.edge.env,
    // Most sources do without, so that a kubeconfig that is wrong is not in their way.
    get client() {
      return examination.anyClient;
    },
    namespace: examination.agent,
    clock: systemClock,
    logger: examination.logger,
    sealed,
  };
}

const OLD_MS = 365 * 24 * 3_600_000;

async function credentialFindings(
  source: SourceConfig,
  credentials: Credentials,
  examination: Examination,
  sealed: Here['sealed'],
  options: CallOptions,
): Promise<readonly Finding[]> {
  const used = source.description.credentials && new Set(source.description.credentials);
  const fields = [...source.credentials].filter(([field]) => used?.has(field) !== false && !isNoticeCredential(field));
  const findings: Finding[] = [];
  for (const [field, reference] of fields) {
    const thing = `${field} of source ${source.name}`;
    try {
      await credentials.get(field, options);
    } catch (error) {
      options.signal.throwIfAborted();
      if (!isProviderError(error)) throw error;
      findings.push(await unusable(thing, { source, field, reference }, error, examination, sealed, options));
      continue;
    }
    findings.push(fine(thing, 'is there'), ...(await exposed(reference, examination)));
    const sealedAt = credentials.sealedAt.get(field);
    if (sealedAt !== undefined && Date.now() - Date.parse(sealedAt) > OLD_MS) {
      findings.push(
        found('CREDENTIAL_OLD', thing, `was sealed on ${sealedAt.slice(0, 10)}, more than a year ago`, {
          advice: 'issue another one where it comes from, seal it, then revoke the old one',
          command: examination.lines.hikyaku(
            `seal ${shellWord(credentials.sealedPaths.get(field) ?? `providers.${source.name}.${field}`)}`,
          ),
        }),
      );
    }
  }
  return findings;
}

/** In a pod files are mounted for all of its one container. */
async function exposed(reference: CredentialReference, { inPod }: Examination): Promise<readonly Finding[]> {
  if (inPod || !('file' in reference)) return [];
  const seen = await stat(reference.file).catch(() => undefined);
  return seen === undefined ? [] : fileMode(reference.file, seen.mode);
}

async function unusable(
  thing: string,
  place: CredentialAt,
  error: ProviderError,
  examination: Examination,
  sealed: Here['sealed'],
  options: CallOptions,
): Promise<Finding> {
  const { inPod } = examination;
  const message = printable(error.message);
  if (error.code === 'FORBIDDEN' && !inPod)
    return found('CANNOT_LOOK', thing, message, {
      advice: 'look with a kubeconfig that may, such as that of an administrator',
    });
  const isElsewhere =
    'env' in place.reference ||
    'file' in place.reference ||
    (('sealed' in place.reference || 'perCluster' in place.reference) && !(await hasKey(sealed, options)));
  if (isElsewhere && !inPod)
    return found('CREDENTIAL_NOT_HERE', thing, `${message}; the agent may have it all the same`, {
      advice: 'to try the source from here, have it here too',
    });
  const remedy = message.includes(' is refused: ')
    ? { advice: 'do what the message says' }
    : replacing(place, examination);
  return found('CREDENTIAL_UNUSABLE', thing, message, remedy);
}

async function hasKey(sealed: Here['sealed'], options: CallOptions): Promise<boolean> {
  try {
    return (await sealed.identity.identities(options)).length > 0;
  } catch (error) {
    options.signal.throwIfAborted();
    if (isProviderError(error)) return false;
    throw error;
  }
}

/** The names that there are; `undefined` where there is no list, and reading has worked. Never a value. */
async function ask(
  source: SourceConfig,
  connections: SourceConnections,
  demand: Demand | undefined,
  { signal }: CallOptions,
): Promise<ReadonlySet<string> | ProviderError | undefined> {
  try {
    const client = await connections.connect(source);
    try {
      const listed = await client.list?.({ signal }).catch((error: unknown) => {
        // Some may read what they cannot list.
        if (isProviderError(error) && NO_LIST.has(error.code)) return undefined;
        throw error;
      });
      if (listed !== undefined) return new Set(listed.map(({ name }) => name));
      const [first] = demand?.refs ?? [];
      const refs = first === undefined ? [] : [first];
      const { unknown } = await client.read({ signal, all: first === undefined, refs, progress() {} });
      const [problem] = unknown?.values() ?? [];
      return problem;
    } finally {
      await client[Symbol.asyncDispose]?.();
    }
  } catch (error) {
    signal.throwIfAborted();
    if (isProviderError(error)) return error;
    throw error;
  }
}

const NO_LIST: ReadonlySet<string> = new Set(['FORBIDDEN', 'UNSUPPORTED']);

function absent(
  { secrets }: Config,
  { name: source }: SourceConfig,
  names: ReadonlySet<string> | undefined,
  { lines }: Examination,
): readonly Finding[] {
  const thing = `source ${source}`;
  if (names === undefined) return [fine(thing, 'answers')];
  const wanted = new Set(
    secrets.flatMap(({ items }) =>
      [...items.values()].flatMap((item) => (item.source === source && !item.optional ? [item.ref.name] : [])),
    ),
  );
  const missing = [...wanted].filter((name) => !names.has(name));
  if (missing.length === 0) return [fine(thing, `answers; ${count(names.size, 'secret')}`)];
  return missing.map((name) =>
    found(
      'SECRET_NOT_THERE',
      `${printable(name)} of source ${source}`,
      'does not exist: what wants it keeps its last good data',
      {
        advice: 'make it there; or correct its name in the config, or write `optional: true` beside it',
        // It would be a flag.
        command: name.startsWith('-') ? undefined : lines.hikyaku(`set ${source} ${shellWord(name)}`),
      },
    ),
  );
}
