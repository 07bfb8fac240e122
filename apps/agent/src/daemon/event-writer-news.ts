import type { AgentEvent, StatusDocument } from '@hikyaku/kubernetes';
import { concernId, concernsOf, openQuestions, overText } from '../status/concerns.ts';
import type { Concern, ConcernKind } from '../status/concerns.ts';

/** What is to be said of one thing. */
export interface News extends Omit<AgentEvent, 'about'> {
  readonly id: string;
  readonly kind: ConcernKind;
  /** `*`, and the reason: of many things at once. */
  readonly name: string;
  /** Nothing is wrong with it any more. */
  readonly over: boolean;
}

interface Open {
  readonly kind: ConcernKind;
  readonly name: string;
  readonly reason: string;
  /** Absent where it is not known word for word. */
  readonly message?: string;
}

/** Of one reason so many things have an Event of their own; the rest share one. */
const MOST_EACH = 10;
const NAMED = 3;

/** What has been said so far, and so what is news. */
export class EventWriterNews {
  /** By id. */
  readonly #open = new Map<string, Open>();

  /** What an earlier process has told is no news. */
  static after(before: StatusDocument): EventWriterNews {
    const news = new EventWriterNews();
    for (const one of news.of(before)) news.said(before.cut === undefined ? one : { ...one, message: '' });
    return news;
  }

  /** In the order in which it is to be said; other words for what has been said already come too. */
  of(status: StatusDocument): readonly News[] {
    const concerns = concernsOf(status);
    const questions = openQuestions(status);
    const wanted = this.#wanted(concerns);
    const still = new Set(concerns.map(({ id }) => id));
    const isOver = (id: string, open: Open) =>
      isMany(open) ? !wanted.has(id) && !hasKind(questions, open.kind) : !still.has(id) && !questions.has(id);
    return [
      ...[...wanted.values()].filter(({ id, reason, message }) => {
        const open = this.#open.get(id);
        return open === undefined || open.reason !== reason || (open.message !== undefined && open.message !== message);
      }),
      ...[...this.#open].flatMap(([id, open]) => (isOver(id, open) ? [overNews(id, open, status)] : [])),
    ];
  }

  /** It has been said. */
  said({ id, kind, name, reason, message, over }: News): void {
    if (over) this.#open.delete(id);
    else this.#open.set(id, { kind, name, reason, ...(message !== '' && { message }) });
  }

  /** Whether it would be the same with other words only. */
  isOnlyWords({ id, reason, over }: News): boolean {
    return !over && this.#open.get(id)?.reason === reason;
  }

  /** Whether it could be news that this one is well. */
  isOpen(kind: ConcernKind, name: string): boolean {
    return (
      this.#open.has(concernId(kind, name)) || [...this.#open.values()].some((one) => one.kind === kind && isMany(one))
    );
  }

  #wanted(concerns: readonly Concern[]): ReadonlyMap<string, News> {
    const news: News[] = [];
    for (const [reason, all] of Map.groupBy(concerns, (concern) => concern.reason)) {
      // What has an Event of its own keeps it until it is over.
      const [own, fresh] = [all.filter(({ id }) => this.#open.has(id)), all.filter(({ id }) => !this.#open.has(id))];
      const isMuch =
        all.length > MOST_EACH || all.some(({ kind }) => this.#open.has(concernId(kind, manyName(reason))));
      news.push(...own.map(oneNews), ...(isMuch ? manyNews(reason, fresh) : fresh.map(oneNews)));
    }
    return new Map(news.map((one) => [one.id, one]));
  }
}

/** Nothing else is called so. */
const MANY = '* ';

function manyName(reason: string): string {
  return MANY + reason;
}

function isMany({ name }: Pick<Open, 'name'>): boolean {
  return name.startsWith(MANY);
}

function hasKind(ids: ReadonlySet<string>, kind: ConcernKind): boolean {
  return [...ids].some((id) => id.startsWith(concernId(kind, '')));
}

function oneNews(concern: Concern): News {
  return { ...concern, type: 'Warning', over: false };
}

function manyNews(reason: string, concerns: readonly Concern[]): readonly News[] {
  const [first] = concerns;
  if (first === undefined) return [];
  const { kind } = first;
  const names = concerns.slice(0, NAMED).map(({ name }) => name);
  const more = concerns.length > NAMED ? ', …' : '';
  const message = `${concerns.length} ${PLURALS[kind]} (${names.join(', ')}${more}), all named by hikyaku status; the first: ${first.message}`;
  const name = manyName(reason);
  return [{ id: concernId(kind, name), type: 'Warning', kind, name, reason, message, over: false }];
}

function overNews(id: string, open: Open, status: StatusDocument): News {
  const { kind, name, reason } = open;
  const message = isMany(open)
    ? `${reason}: over for all ${PLURALS[kind]} it was said of`
    : overText({ kind, name }, status);
  return { id, type: 'Normal', kind, name, reason: 'Recovered', message, over: true };
}

const PLURALS: Readonly<Record<ConcernKind, string>> = {
  config: 'problems',
  source: 'sources',
  secret: 'Secrets',
  push: 'pushes',
  restart: 'restarts',
  hold: 'holds',
};
