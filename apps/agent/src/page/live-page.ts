import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CallOptions } from '@hikyaku/core';
import { Wake } from '@hikyaku/engine';
import { end } from '../daemon/http-server.ts';
import { concernsOf } from '../status/concerns.ts';
import { readStatus } from '../status/read-status.ts';
import { printable } from '../output/printable.ts';
import { documentOf } from './document.ts';
import { changedTexts } from './fragment.ts';
import { mainOf } from './main-part.ts';
import { assets, build } from './page-assets.ts';
import { PageStream } from './page-stream.ts';
import type { Drawn } from './page-stream.ts';
import type { RecentChanges } from './recent-changes.ts';
import type { PageOptions } from './start-page.ts';

export type LivePageOptions = Omit<PageOptions, 'address'> & { readonly port: number; readonly changes: RecentChanges };

/** Several changes that belong together are drawn once. */
const SETTLE_MS = 250;
/** What is silent for longer has ended. */
const BEAT_MS = 10_000;
const MOST_STREAMS = 32;

/** Draws what is known now, for whoever opens the page and for those who keep it open. */
export class LivePage implements AsyncDisposable {
  readonly #options: LivePageOptions;
  readonly #streams = new Set<PageStream>();
  readonly #end = new AbortController();
  readonly #running: Promise<void>;
  readonly #wake = new Wake();
  /** What was drawn last; kept while somebody looks. */
  #drawn: Drawn | undefined;
  /** Another process, another page. */
  readonly #start = Date.now().toString(36);
  #count = 0;

  constructor(options: LivePageOptions, { signal }: CallOptions) {
    this.#options = options;
    const stop = options.feed.listen(() => this.#wake.up());
    this.#running = this.#run(AbortSignal.any([signal, this.#end.signal])).finally(stop);
  }

  answer(request: IncomingMessage, response: ServerResponse): void {
    const [path = '', query = ''] = (request.url ?? '').split('?');
    const asset = assets.get(path);
    if (asset !== undefined) return end(response, 200, { 'content-type': asset.type }, asset.text);
    if (path === '/live') return this.#open(request, response, new URLSearchParams(query).get('shown') ?? '');
    if (path !== '/')
      return end(response, 404, { 'content-type': 'text/plain; charset=utf-8' }, 'There is one page: /\n');
    const { revision, main, title } = this.#draw();
    const text = documentOf({ revision, main, title, build, now: this.#options.clock.now() });
    return end(response, 200, { 'content-type': 'text/html; charset=utf-8' }, text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  /** `shown`: the revision that the page has. */
  #open({ headers, method }: IncomingMessage, response: ServerResponse, shown: string): void {
    // Gone while the page was being loaded: nobody would say so any more.
    if (response.destroyed) return;
    const site = headers['sec-fetch-site'];
    // No page of somebody else's takes the few places there are.
    if (site !== undefined && site !== 'same-origin') return end(response, 403);
    if (method === 'HEAD') return end(response, 200, { 'content-type': 'text/event-stream' });
    if (this.#streams.size >= MOST_STREAMS) return end(response, 503, { 'retry-after': '10' });
    const drawn = this.#draw();
    const stream = new PageStream(response, build, this.#options.clock);
    this.#streams.add(stream);
    response.on('close', () => {
      this.#streams.delete(stream);
      if (this.#streams.size === 0) this.#drawn = undefined;
    });
    stream.begin(drawn, shown);
  }

  #draw(): Drawn {
    const { feed, vitals, namespace, port, changes } = this.#options;
    const said = feed.build?.(true);
    const { main, title } = mainOf({
      status: said && readStatus(said),
      concerns: new Set(said === undefined ? [] : concernsOf(said).map(({ id }) => printable(id))),
      starting: vitals.ready(),
      leader: vitals.election?.leader,
      namespace,
      port,
      changes: changes.latest,
    });
    const before = this.#drawn;
    if (before !== undefined && before.title === title && changedTexts(before.main, main).length === 0) return before;
    this.#drawn = { revision: `${this.#start}-${++this.#count}`, main, title };
    return this.#drawn;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      const isCalled = await this.#wake.wait(BEAT_MS, clock, signal);
      if (isCalled) await clock.sleep(SETTLE_MS, { signal }).catch(() => {});
      else for (const stream of this.#streams) stream.beat();
      if (signal.aborted || this.#streams.size === 0) continue;
      const drawn = this.#draw();
      for (const stream of this.#streams) stream.show(drawn);
    }
    for (const stream of this.#streams) stream.end();
  }
}
