import type { IncomingMessage, ServerResponse } from 'node:http';
import { isProviderError } from '@hikyaku/core';
import type { CallOptions, Clock, Logger, Notice, NoticeVerdict } from '@hikyaku/core';
import { end, startHttpServer } from './http-server.ts';
import type { HttpServer, ListenAddress } from './http-server.ts';
import { SeenIds } from './seen-ids.ts';

/** Whether a notice is genuine, by the secret that the source shares with its service. Rejects with a ProviderError where the secret cannot be had. */
export type NoticeCheck = (notice: Notice, options: CallOptions) => Promise<NoticeVerdict>;

export interface ReceiverOptions {
  readonly address: ListenAddress;
  /** By the name of the source, which is the end of the path: `/notices/NAME`. Asked at each request, as a config may change. */
  readonly checks: () => ReadonlyMap<string, NoticeCheck>;
  /** Called after the answer was given. */
  readonly onNotice: (source: string) => void;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface Receiver extends HttpServer {
  /** By source: what came and what of it was refused. */
  readonly counts: ReadonlyMap<string, NoticeCounts>;
}

export interface NoticeCounts {
  readonly accepted: number;
  readonly refused: number;
}

const PATH = /^\/notices\/([a-z0-9-]{1,40})$/;
const LARGEST_BODY = 64 * 1024;
/** Twice what Standard Webhooks lets a notice be old. */
const REMEMBER_MS = 600_000;
/** Of refused notices a source says this often that there are some. */
const COMPLAIN_EVERY_MS = 60_000;

/** Listens for the webhooks of services. Whatever comes, it only makes the agent read sooner; nothing in it is believed. */
export async function startReceiver(options: ReceiverOptions, { signal }: CallOptions): Promise<Receiver> {
  const notices = new Notices(options, signal);
  const server = await startHttpServer(options.address, (request, response) => notices.answer(request, response));
  return { port: server.port, counts: notices.counts, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

class Notices {
  readonly counts = new Map<string, NoticeCounts>();
  readonly #options: ReceiverOptions;
  readonly #signal: AbortSignal;
  readonly #seen: SeenIds;
  readonly #complainedAt = new Map<string, number>();

  constructor(options: ReceiverOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    this.#seen = new SeenIds({ clock: options.clock, keepMs: REMEMBER_MS });
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, source = ''] = PATH.exec(request.url ?? '') ?? [];
    const check = this.#options.checks().get(source);
    if (check === undefined) return end(response, 404);
    if (request.method !== 'POST') return end(response, 405, { allow: 'POST' });
    const body = await readBody(request);
    if (body === 'too large') return end(response, 413, { connection: 'close' });
    if (body === 'cut off') return;

    const { clock, logger } = this.#options;
    let verdict: NoticeVerdict;
    try {
      verdict = await check({ body, headers: request.headers, now: clock.now() }, { signal: this.#signal });
    } catch (error) {
      if (!isProviderError(error) && !this.#signal.aborted) throw error;
      if (!this.#signal.aborted && this.#mayComplain(source)) logger.warn({ source, error }, 'notice not checked');
      // Services send it again after this answer.
      return end(response, 503);
    }
    if (!verdict.genuine) {
      this.#count(source, { refused: 1 });
      const refused = this.counts.get(source)?.refused;
      if (this.#mayComplain(source)) logger.warn({ source, because: verdict.because, refused }, 'notice refused');
      return end(response, 401);
    }
    this.#count(source, { accepted: 1 });
    end(response, 202);
    const { id } = verdict;
    if (id !== undefined && this.#seen.add(`${source} ${id}`) === 'again') {
      logger.debug({ source }, 'notice came again');
      return;
    }
    logger.debug({ source }, 'notice');
    this.#options.onNotice(source);
  }

  #count(source: string, { accepted = 0, refused = 0 }: Partial<NoticeCounts>): void {
    const before = this.counts.get(source) ?? { accepted: 0, refused: 0 };
    this.counts.set(source, { accepted: before.accepted + accepted, refused: before.refused + refused });
  }

  /** A flood of wrong notices must not become a flood of lines. */
  #mayComplain(source: string): boolean {
    const { clock } = this.#options;
    const at = this.#complainedAt.get(source);
    if (at !== undefined && clock.monotonic() - at < COMPLAIN_EVERY_MS) return false;
    this.#complainedAt.set(source, clock.monotonic());
    return true;
  }
}

async function readBody(request: IncomingMessage): Promise<Uint8Array | 'too large' | 'cut off'> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.byteLength;
      if (bytes > LARGEST_BODY) return 'too large';
      chunks.push(chunk);
    }
  } catch {
    return 'cut off';
  }
  return Buffer.concat(chunks);
}
