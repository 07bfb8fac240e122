import type { ServerResponse } from 'node:http';
import type { Clock } from '@hikyaku/core';
import { changedTexts, textOf } from './fragment.ts';
import type { Fragment } from './fragment.ts';

export interface Drawn {
  readonly revision: string;
  readonly main: Fragment;
  readonly title: string;
}

/** What has not taken a message for so long is gone. */
const PATIENCE_MS = 30_000;

/**
 * Server-sent events to one open page: `show` with the elements that have changed, and `beat`. Whoever is slow has at most one message in memory;
 * what came meanwhile is dropped, and the next one is whole.
 */
export class PageStream {
  readonly #response: ServerResponse;
  readonly #build: string;
  readonly #clock: Clock;
  /** What stands on the page; absent: the next message is whole. */
  #shown: Drawn | undefined;
  #revision = '';
  #latest: Drawn | undefined;
  #fullSince: number | undefined;

  constructor(response: ServerResponse, build: string, clock: Clock) {
    this.#response = response;
    this.#build = build;
    this.#clock = clock;
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' });
    response.on('drain', () => {
      this.#fullSince = undefined;
      if (this.#latest !== undefined) this.show(this.#latest);
    });
  }

  begin(drawn: Drawn, revision: string): void {
    if (drawn.revision === revision) this.#shown = drawn;
    this.#revision = revision;
    this.#send('hello', { build: this.#build, now: this.#clock.now() });
    this.show(drawn);
  }

  show(drawn: Drawn): void {
    this.#latest = drawn;
    if (this.#fullSince !== undefined) return;
    if (drawn.revision === this.#revision) {
      this.#shown = drawn;
      return;
    }
    const { revision, main, title } = drawn;
    const elements = this.#shown === undefined ? [textOf(main)] : changedTexts(this.#shown.main, main);
    this.#revision = revision;
    this.#shown = drawn;
    this.#send('show', { revision, title, now: this.#clock.now(), elements });
  }

  beat(): void {
    if (this.#fullSince === undefined) this.#send('beat', { now: this.#clock.now() });
    else if (this.#clock.monotonic() - this.#fullSince > PATIENCE_MS) this.#response.destroy();
  }

  end(): void {
    this.#response.end();
  }

  #send(event: string, data: object): void {
    if (this.#response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)) return;
    this.#fullSince = this.#clock.monotonic();
    this.#shown = undefined;
  }
}
