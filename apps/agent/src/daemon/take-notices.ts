import type { CallOptions, Clock, Logger } from '@hikyaku/core';
import { UserError } from '../user-error.ts';
import type { ListenAddress } from './http-server.ts';
import type { CurrentConfig, LiveConfig } from './live-config.ts';
import { noticeSources } from './notice-checks.ts';
import type { NoticeSource, NoticeSurroundings } from './notice-checks.ts';
import { startReceiver } from './receiver.ts';
import type { NoticeCounts, Receiver, ReceiverOptions } from './receiver.ts';

export interface TakeNoticesOptions {
  readonly address: ListenAddress;
  readonly live: Pick<LiveConfig, 'current'>;
  /** What the secrets are read with. */
  readonly surroundings: NoticeSurroundings;
  readonly onNotice: (source: string) => void;
  /** Called once, with what counts those that come for each source. */
  readonly onListening?: (counts: () => ReadonlyMap<string, NoticeCounts>) => void;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** So often it is seen whether the secrets can be had. */
const LOOK_EVERY_MS = 30_000;
const NONE: NoticeCounts = { accepted: 0, refused: 0 };

/**
 * Takes notices of changes until the signal aborts, by the config that is in force. Throws a UserError where no source takes any, and where the
 * port cannot be used.
 */
export async function takeNotices(options: TakeNoticesOptions, { signal }: CallOptions): Promise<void> {
  const { address, live, surroundings, onNotice, onListening, logger, clock } = options;
  requireSecret(live.current);
  let by = live.current;
  let sources = noticeSources(by, surroundings);
  const current = () => {
    if (by !== live.current) sources = noticeSources((by = live.current), surroundings);
    return sources;
  };
  const checks = () => new Map([...current()].map(([name, { check }]) => [name, check]));
  await using receiver = await listen({ address, checks, onNotice, logger, clock }, { signal });
  onListening?.(() => new Map([...current().keys()].map((name) => [name, receiver.counts.get(name) ?? NONE])));
  logger.info({ port: receiver.port, sources: [...sources.keys()] }, 'taking notices');

  const problems = new Problems(logger);
  while (!signal.aborted) {
    try {
      await problems.look(current(), { signal });
      await clock.sleep(LOOK_EVERY_MS, { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

/** Somebody who is to listen and knows nobody's secret would believe everybody, or nobody. */
function requireSecret({ whole }: CurrentConfig): void {
  if ([...whole.sources.values()].some(({ notices }) => notices !== undefined)) return;
  throw new UserError(
    '--receiver: no source of the config takes notices. Add to one `notices: { secret: { env: NAME } }`, the secret that its service signs with; or leave --receiver out',
  );
}

async function listen(options: ReceiverOptions, { signal }: CallOptions): Promise<Receiver> {
  try {
    return await startReceiver(options, { signal });
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new UserError(`--receiver: port ${options.address.port} cannot be used (${why}): choose another one`);
  }
}

/** What keeps secrets from being used, said once when it begins, and when it is over. */
class Problems {
  readonly #logger: Logger;
  #said = new Map<string, string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  async look(sources: ReadonlyMap<string, NoticeSource>, options: CallOptions): Promise<void> {
    const now = new Map<string, string>();
    for (const [source, one] of sources) {
      const { values, problems } = await one.secrets(options);
      const text = problems.map(({ message }) => message).join('\n');
      if (text !== '') now.set(source, text);
      const before = this.#said.get(source);
      if (before === text || (before === undefined && text === '')) continue;
      if (text === '') this.#logger.info({ source }, 'notices are checked again');
      else this.#logger.error({ source, problems: text.split('\n'), taken: values > 0 }, 'notices cannot be checked');
    }
    this.#said = now;
  }
}
