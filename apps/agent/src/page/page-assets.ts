import { createHash } from 'node:crypto';
import { clientScript } from './client-script.ts';
import { pageIcon } from './page-icon.ts';
import { styleSheet } from './style-sheet.ts';

interface Asset {
  readonly type: string;
  readonly text: string;
}

/** What the page asks for besides, by path. */
export const assets: ReadonlyMap<string, Asset> = new Map([
  ['/page.css', { type: 'text/css; charset=utf-8', text: styleSheet }],
  ['/page.js', { type: 'text/javascript; charset=utf-8', text: clientScript }],
  ['/icon.svg', { type: 'image/svg+xml', text: pageIcon }],
]);

/** A page that was drawn by another build has to be loaded again. */
export const build = createHash('sha256').update(styleSheet).update(clientScript).digest('hex').slice(0, 16);
