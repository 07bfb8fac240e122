import { textOf } from './fragment.ts';
import { marks } from './marks.ts';
import { markup } from './markup.ts';
import type { Drawn } from './page-stream.ts';

export interface DocumentOptions extends Drawn {
  readonly build: string;
  /** Milliseconds of the wall clock: a browser's may be wrong. */
  readonly now: number;
}

/** The whole page, as it is read first. */
export function documentOf({ revision, main, title, build, now }: DocumentOptions): string {
  const before = markup`
    <!doctype html>
    <html lang="en" data-build="${build}" data-revision="${revision}" data-now="${now}">
    <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <title>${title}</title>
      <link rel="icon" href="/icon.svg" type="image/svg+xml">
      <link rel="stylesheet" href="/page.css">
      <script src="/page.js" defer></script>
      <noscript><meta http-equiv="refresh" content="15"></noscript>
    </head>
    <body>
      <a class="skip" href="#main">Skip to the state</a>
      ${marks}
      <header class="bar">
        <p class="brand">${letter}hikyaku</p>
        <p class="live" id="live" data-state="still">
          <span class="dot" aria-hidden="true"></span>
          <span id="live-word">as of ${new Date(now).toISOString().slice(11, 19)} UTC</span>
        </p>
      </header>
      <div id="lost" class="lost" role="status"></div>
      <div id="news" class="unseen" role="status"></div>`;
  const after = markup`
      <footer>
        <p>
          This page only shows. What there is to do is done with <code>hikyaku</code> and <code>kubectl</code>. No value of a Secret ever comes here.
        </p>
      </footer>
    </body>
    </html>`;
  return `${String(before)}${textOf(main)}${String(after)}\n`;
}

const letter = markup`
  <svg class="letter" aria-hidden="true" viewBox="0 0 24 24"><path d="M3 6h18v12H3z"/><path d="m3 6 9 7 9-7"/></svg>`;
