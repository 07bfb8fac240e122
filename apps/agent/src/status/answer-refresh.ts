import type { Config } from '@hikyaku/config';
import type { CallOptions, Clock, Logger } from '@hikyaku/core';
import { demands, isWell, secretId } from '@hikyaku/engine';
import type { Changes, Engine } from '@hikyaku/engine';
import { isKubeError } from '@hikyaku/kube-client';
import type { AskedRequest } from '@hikyaku/kubernetes';
import type { Answer, AnswerOptions } from '../daemon/follow-requests.ts';
import type { Records } from '../records.ts';
import { sourceState } from './moments.ts';
import { unlessLate } from './unless-late.ts';

export interface AnswerRefreshOptions {
  readonly engine: Pick<Engine, 'refresh' | 'tryNow'>;
  readonly records: Records;
  readonly config: () => Pick<Config, 'secrets' | 'pushes'>;
  /** Brings the status object up to date. Throws KubeError. */
  readonly writeStatus: (options: CallOptions) => Promise<void>;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** What has been written since somebody asked. */
interface RefreshChange extends Partial<Omit<Changes, 'shape'>> {
  readonly secret: string;
  readonly outcome: string;
}

/** What is not as it should be now. */
interface RefreshProblem {
  readonly source?: string;
  readonly secret?: string;
  readonly state: string;
  readonly messages: readonly string[];
}

/** What takes longer is first said to be under way. */
const SOON_MS = 2_000;
const MOST_ENTRIES = 40;
/** With more Secrets than this, their keys are left out. */
const MOST_WITH_KEYS = 10;
const MOST_KEYS = 10;
const LONGEST_MESSAGE = 300;

/** Answers `refresh` and `status`. */
export async function answerRefresh(
  { value }: AskedRequest,
  { engine, records, config, writeStatus, logger, clock }: AnswerRefreshOptions,
  { signal, claim }: AnswerOptions,
): Promise<Answer> {
  const asked = asRequest(value);
  if (asked === undefined) return { state: 'refused', message: 'the request makes no sense to this agent' };
  if (asked.kind === 'status') {
    await writeStatus({ signal });
    return { state: 'done' };
  }
  const wanted = wantedOf(asked.what, config());
  if (typeof wanted === 'string') return { state: 'refused', message: wanted };
  logger.info({ what: asked.what ?? 'everything', by: asked.by }, 'refresh asked for');

  const changed = new Map<string, RefreshChange>();
  const stop = records.listen((said) => {
    if (said.kind !== 'secret' || !wanted.secrets.has(said.record.id)) return;
    const { id, outcome, changes } = said.record;
    if (outcome === undefined || outcome === 'unchanged' || outcome === 'absent') return;
    changed.set(id, { secret: id, outcome, ...(changes && namesOf(changes)) });
  });
  const done = new AbortController();
  const saying = clock
    .sleep(SOON_MS, { signal: AbortSignal.any([signal, done.signal]) })
    .then(claim)
    .catch((error: unknown) => {
      if (!done.signal.aborted && !signal.aborted && !isKubeError(error)) throw error;
    });
  try {
    const ended = await unlessLate(
      async (options) => {
        await engine.refresh(wanted.sources, options);
        // Whoever asks may have mended what was wrong.
        const unwell = [...wanted.secrets].filter((id) => !isWell(records.secrets.get(id)?.state ?? 'synced'));
        const again = new Set([...wanted.again, ...unwell]);
        if (again.size === 0) return;
        engine.tryNow(again);
        await engine.refresh([], options);
      },
      { clock, signal },
    );
    if (ended === 'late') return { state: 'refused', message: LATE };
  } finally {
    stop();
    done.abort();
    await saying;
  }
  return answerOf(wanted, [...changed.values()], records);
}

const LATE =
  'it has not been read within 10 minutes: a source does not answer, or has asked to be left alone for longer; it is read as soon as that ends';

interface Wanted {
  readonly sources: readonly string[];
  readonly secrets: ReadonlySet<string>;
  /** To be put though nothing has changed. */
  readonly again: readonly string[];
}

/** Or why there is no such thing. */
function wantedOf(what: string | undefined, { secrets, pushes }: Pick<Config, 'secrets' | 'pushes'>): Wanted | string {
  const bySource = demands(secrets);
  if (what === undefined) return { sources: [...bySource.keys()], secrets: new Set(secrets.map(secretId)), again: [] };
  if (what.includes('/')) {
    const spec = secrets.find((one) => secretId(one) === what);
    if (spec === undefined) return `the config that is in force wants no Secret ${what} in this cluster`;
    return { sources: [...demands([spec]).keys()], secrets: new Set([what]), again: [what] };
  }
  if (!bySource.has(what)) {
    return pushes.some(({ source }) => source === what)
      ? `${what} is only pushed to: nothing is read from it`
      : `no Secret in this cluster is made of a source ${what}`;
  }
  const using = secrets.filter((spec) => demands([spec]).has(what)).map(secretId);
  return { sources: [what], secrets: new Set(using), again: [] };
}

function answerOf({ sources, secrets }: Wanted, changed: readonly RefreshChange[], records: Records): Answer {
  const failing = sources.flatMap((name): readonly RefreshProblem[] => {
    const record = records.sources.get(name);
    if (record?.ok === true) return [];
    return [
      {
        source: name,
        state: record ? sourceState(record) : 'unread',
        messages: messagesOf([record?.error?.message ?? '']),
      },
    ];
  });
  const unwell = [...secrets].toSorted().flatMap((id): readonly RefreshProblem[] => {
    const record = records.secrets.get(id);
    if (record === undefined) return [{ secret: id, state: 'waiting', messages: [] }];
    return isWell(record.state) ? [] : [{ secret: id, state: record.state, messages: messagesOf(record.messages) }];
  });
  const wrong = [...failing, ...unwell];
  const hasRoom = changed.length < MOST_WITH_KEYS;
  const more = { changed: changed.length - MOST_ENTRIES, wrong: wrong.length - MOST_ENTRIES };
  return {
    state: 'done',
    sources: sources.slice(0, MOST_ENTRIES),
    secrets: secrets.size,
    changed: changed
      .slice(0, MOST_ENTRIES)
      .map((one) => (hasRoom ? one : { secret: one.secret, outcome: one.outcome })),
    wrong: wrong.slice(0, MOST_ENTRIES),
    ...((more.changed > 0 || more.wrong > 0) && {
      more: { changed: Math.max(0, more.changed), wrong: Math.max(0, more.wrong) },
    }),
  };
}

function messagesOf(messages: readonly string[]): readonly string[] {
  return messages
    .filter((text) => text !== '')
    .slice(0, 3)
    .map((text) => text.slice(0, LONGEST_MESSAGE));
}

function namesOf({ added, changed, removed }: Changes): Pick<RefreshChange, 'added' | 'changed' | 'removed'> {
  return {
    added: added.slice(0, MOST_KEYS),
    changed: changed.slice(0, MOST_KEYS),
    removed: removed.slice(0, MOST_KEYS),
  };
}

interface Asked {
  readonly kind: 'refresh' | 'status';
  readonly what?: string;
  readonly by?: string;
}

function asRequest(value: unknown): Asked | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { kind, what, by } = value as Readonly<Record<string, unknown>>;
  if (kind !== 'refresh' && kind !== 'status') return undefined;
  if (what !== undefined && (typeof what !== 'string' || !/^[\w./-]{1,320}$/.test(what))) return undefined;
  // Whoever asks says so themselves.
  const name = typeof by === 'string' && /^[\w.:@/-]{1,120}$/.test(by) ? { by } : {};
  return { kind, ...(what !== undefined && { what }), ...name };
}
