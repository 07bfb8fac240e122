import { dirname, resolve } from 'node:path';
import { isProviderError } from '@hikyaku/core';
import type { Provider } from '@hikyaku/core';
import * as z from 'zod';
import type { Schedule, SourceConfig } from './config.ts';
import { readValue } from './fields.ts';
import { issueProblems, missing, wrongKind } from './issues.ts';
import { inputSchema, propertiesAt } from './json-schema-parts.ts';
import { UnusableProviderError } from './known-providers.ts';
import type { KnownProviders } from './known-providers.ts';
import { dnsLabel } from './kubernetes-names.ts';
import { didYouMean, nearest } from './nearest.ts';
import { noticeWords, readNotices } from './notices.ts';
import { isMapping } from './place.ts';
import type { Place } from './place.ts';
import { problemAt, problemAtKey } from './problem.ts';
import type { Problem } from './problem.ts';
import type { KnownRecipients } from './recipients.ts';
import { loadCron, schedule } from './schedule.ts';
import { readCredentials, settleCredentials } from './source-credentials.ts';
import { DEFAULT_THRESHOLD, threshold } from './threshold.ts';

const DEFAULT_REFRESH: Schedule = { everyMs: 60_000 };

export const sourceName = dnsLabel(40);

/** The words that every source has, beside those of its provider. */
export const sourceWords = z.strictObject({
  type: z.string().describe('Kind of provider'),
  refresh: schedule.optional(),
  hold: z
    .union([z.literal('off'), z.strictObject({ lostKeys: threshold })])
    .optional()
    .describe(
      'When a refresh would lose more of the keys in use than this (`{ lostKeys: 50% }` by default), a person is asked first',
    ),
  snapshot: z
    .boolean()
    .optional()
    .describe(
      'Whether the last good data (the keys in use) is kept in the cluster, for a restart while the source is down; `true` by default',
    ),
  notices: noticeWords.optional(),
});

/** Reads one entry of `providers`. `undefined` when it is not good; everything that is wrong is in `problems` then. */
export async function readSource(
  name: string,
  place: Place,
  providers: KnownProviders,
  recipients: KnownRecipients,
  problems: Problem[],
): Promise<SourceConfig | undefined> {
  const nameProblem = sourceName.safeParse(name).error?.issues[0]?.message;
  if (nameProblem !== undefined) problems.push(problemAtKey(place, `the name of a source ${nameProblem}`));
  if (!isMapping(place.value)) {
    if (place.whole) problems.push(wrongKind(place, 'a mapping'));
    return undefined;
  }

  const refreshPlace = place.children.get('refresh');
  if (refreshPlace?.children.has('cron')) await loadCron();
  const refresh = refreshPlace && readValue(refreshPlace, sourceWords.shape.refresh, problems);
  const holdPlace = place.children.get('hold');
  const hold = holdPlace && readValue(holdPlace, sourceWords.shape.hold, problems);
  const snapshotPlace = place.children.get('snapshot');
  const snapshot = snapshotPlace && readValue(snapshotPlace, sourceWords.shape.snapshot, problems);

  const noticesPlace = place.children.get('notices');
  const listens = noticesPlace && readNotices(noticesPlace, recipients, problems);

  const provider = await readProvider(place, providers, problems);
  if (provider === undefined) return undefined;
  const own = Object.fromEntries(Object.entries(place.value).filter(([key]) => !isSourceWord(key)));
  // What every source has is no provider's to ask for.
  const fields = (provider.credentials ?? []).filter(({ path }) => !isSourceWord(path.split('.')[0] ?? path));
  const written = readCredentials(place, own, fields, recipients, problems);
  if (!place.whole) return undefined;

  const understood = await understand(provider, written.rest, place, problems);
  if (understood === undefined) return undefined;
  return {
    name,
    provider,
    ...understood,
    credentials: new Map([
      ...settleCredentials(written, fields, understood.description, problems),
      ...(listens?.credentials ?? []),
    ]),
    refresh: refresh ?? DEFAULT_REFRESH,
    hold: hold ?? { lostKeys: DEFAULT_THRESHOLD },
    snapshot: snapshot ?? true,
    ...(listens && { notices: listens.notices }),
    position: place.keyPosition,
  };
}

function isSourceWord(word: string): boolean {
  return Object.hasOwn(sourceWords.shape, word);
}

async function readProvider(
  place: Place,
  providers: KnownProviders,
  problems: Problem[],
): Promise<Provider | undefined> {
  const known = providers.types.toSorted();
  const list = `one of ${known.map((type) => `\`${type}\``).join(', ')}`;
  const type = place.children.get('type');
  if (type === undefined) {
    if (place.whole) problems.push(missing(place, 'type', list));
    return undefined;
  }
  if (!type.whole) return undefined;
  if (typeof type.value !== 'string') {
    problems.push(wrongKind(type, 'text'));
    return undefined;
  }
  try {
    const provider = await providers.load(type.value, { file: place.file });
    if (provider === undefined) {
      const near = nearest(type.value, known) === undefined ? list : didYouMean(type.value, known);
      problems.push(problemAt(type, `unknown provider type \`${type.value}\``, near));
    }
    return provider;
  } catch (error) {
    if (!isProviderError(error)) throw error;
    const suggestion = error instanceof UnusableProviderError ? error.suggestion : undefined;
    problems.push(problemAt(type, error.message, suggestion));
    return undefined;
  }
}

/** What the provider itself makes of its part of the file. */
async function understand(
  provider: Provider,
  own: Readonly<Record<string, unknown>>,
  place: Place,
  problems: Problem[],
): Promise<Pick<SourceConfig, 'settings' | 'description'> | undefined> {
  try {
    const result = await provider.config['~standard'].validate(own);
    if (result.issues !== undefined) {
      problems.push(...issueProblems(place, result.issues, provider.config, otherWords(provider)));
      return undefined;
    }
    const description = provider.describe(result.value);
    const { ca } = description;
    const isPath = ca !== undefined && !ca.includes('-----BEGIN');
    const settings = result.value;
    return { settings, description: isPath ? { ...description, ca: resolve(dirname(place.file), ca) } : description };
  } catch (error) {
    if (!isProviderError(error)) throw error;
    problems.push(problemAt(place, error.message));
    return undefined;
  }
}

function otherWords({ credentials = [] }: Provider): readonly string[] {
  const credentialWords = credentials.map(({ path }) => path.split('.')[0] ?? path);
  return [...credentialWords, ...propertiesAt(inputSchema(sourceWords), [])];
}
