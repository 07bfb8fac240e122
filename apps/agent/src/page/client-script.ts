import { buildSync } from 'esbuild';

/** What runs in the browser, as one script. The build puts its text here; run from the sources it is made at the first request. */
export const clientScript =
  buildSync({
    entryPoints: [new URL('client/main.ts', import.meta.url).pathname],
    bundle: true,
    format: 'iife',
    target: 'es2022',
    write: false,
  }).outputFiles[0]?.text ?? '';
