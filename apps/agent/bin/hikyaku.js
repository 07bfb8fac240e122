#!/usr/bin/env node
// Committed so that `npx hikyaku` finds a bin in a fresh clone; the agent itself is built.
import { existsSync } from 'node:fs';

const bundle = new URL('../dist/hikyaku.js', import.meta.url);
if (!existsSync(bundle)) {
  process.stderr.write('hikyaku is not built yet. Run: npm run build\n');
  process.exit(2);
}
await import(bundle.href);
