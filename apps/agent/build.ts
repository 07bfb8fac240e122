import { mkdir, rename, writeFile } from 'node:fs/promises';
import { build } from 'esbuild';
import type { Plugin } from 'esbuild';

/**
 * The bundle: one file. client-node is taken apart (only what KubeConfig needs), and what only its deprecated cloud logins use,
 * jsonpath-plus above all, stays out.
 */
const lean: Plugin = {
  name: 'lean',
  setup({ onResolve, onLoad, resolve }) {
    onResolve({ filter: /^@kubernetes\/client-node|^\.\.?\// }, async ({ path, pluginData, ...rest }) => {
      if (pluginData === 'resolved') return undefined;
      const inClientNode = rest.resolveDir.includes('client-node') || path.startsWith('@kubernetes/client-node');
      if (!inClientNode) return undefined;
      const result = await resolve(path, { ...rest, pluginData: 'resolved' });
      return { ...result, sideEffects: false };
    });
    onResolve({ filter: /^jsonpath-plus$/ }, () => ({ path: 'jsonpath-plus', namespace: 'left-out' }));
    onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({
      contents: `export function JSONPath() { throw new Error('the azure and gcp auth-providers of kubeconfig are gone from Kubernetes; use an exec plugin'); }`,
    }));
  },
};

const { metafile, outputFiles } = await build({
  entryPoints: ['src/main.ts'],
  outfile: 'dist/hikyaku.js',
  bundle: true,
  minify: true,
  keepNames: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  conditions: ['@hikyaku/source'],
  metafile: true,
  write: false,
  legalComments: 'none',
  // CommonJS modules in the bundle ask for Node's own.
  banner: { js: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);` },
  plugins: [lean],
  logLevel: 'warning',
});

await mkdir('dist', { recursive: true });
await writeFile('dist/meta.json', JSON.stringify(metafile));
// At once, so that an agent which starts during a build finds one or the other.
await writeFile('dist/hikyaku.js.new', outputFiles[0]?.contents ?? '');
await rename('dist/hikyaku.js.new', 'dist/hikyaku.js');
