import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { build } from 'esbuild';
import type { BuildOptions, Metafile, Plugin } from 'esbuild';
import { billOfMaterials } from './build/bill-of-materials.ts';
import { bundledPackages } from './build/bundled-packages.ts';
import { thirdPartyLicences } from './build/third-party-licences.ts';

/** Instead of what the agent never calls, or calls otherwise; why each: docs/decisions/0004-dependencies.md */
const STUBS: Readonly<Record<string, string>> = {
  // The generated API client, most of client-node's size: only KubeConfig is used.
  'client-node/dist/gen/index.js': `export const createConfiguration = undefined; export class ServerConfiguration {}`,
  // Logins that Kubernetes itself has dropped; they alone need jsonpath-plus.
  'client-node/dist/azure_auth.js': `export class AzureAuth { isAuthProvider() { return false; } }`,
  'client-node/dist/gcp_auth.js': `export class GoogleCloudPlatformAuth { isAuthProvider() { return false; } }`,
  // fetch, WebSocket, caches and mocks stay out of memory.
  'undici/index.js': `
    import Dispatcher from './lib/dispatcher/dispatcher.js';
    import api from './lib/api/index.js';
    Object.assign(Dispatcher.prototype, api);
    export { default as Agent } from './lib/dispatcher/agent.js';
    export { default as EnvHttpProxyAgent } from './lib/dispatcher/env-http-proxy-agent.js';
    export { default as Pool } from './lib/dispatcher/pool.js';
    export { default as ProxyAgent } from './lib/dispatcher/proxy-agent.js';
    export { default as buildConnector } from './lib/core/connect.js';`,
  // Seen from a part.
  'sealing/src/opener-entry.ts': `export const openerEntry = new URL('../opener.js', import.meta.url);`,
};

/** What the kubeconfigs of a few ask for, and would take 4 MiB of everybody's memory: SOCKS proxies, and the login by OpenID Connect. */
const lazyKubeConfig: Plugin = {
  name: 'lazy-kube-config',
  setup(bundle) {
    bundle.onLoad({ filter: /client-node[\\/]dist[\\/]oidc_auth\.js$/ }, ({ path, suffix }) => {
      if (suffix !== '') return undefined;
      const contents = `export class OpenIDConnectAuth {
        #real;
        isAuthProvider({ authProvider }) {
          return authProvider?.name === 'oidc';
        }
        async applyAuthentication(...given) {
          this.#real ??= import('openid-connect-auth').then(({ OpenIDConnectAuth: Real }) => new Real());
          await (await this.#real).applyAuthentication(...given);
        }
      }`;
      return { contents, resolveDir: dirname(path) };
    });
    bundle.onResolve({ filter: /^openid-connect-auth$/ }, ({ resolveDir }) => ({
      path: join(resolveDir, 'oidc_auth.js'),
      suffix: '?real',
    }));
    bundle.onResolve({ filter: /^socks(-proxy-agent)?$/ }, ({ path, kind }) =>
      kind === 'import-statement' ? { path, namespace: 'lazy-kube-config' } : undefined,
    );
    bundle.onLoad({ filter: /^socks$/, namespace: 'lazy-kube-config' }, () => ({
      contents: `export const SocksClient = {
        createConnection(options, callback) {
          import('socks').then(
            ({ default: socks }) => socks.SocksClient.createConnection(options, callback),
            (error) => callback(error),
          );
        },
      };`,
      resolveDir: '.',
    }));
    // For node:https, which no request of ours goes through.
    bundle.onLoad({ filter: /^socks-proxy-agent$/, namespace: 'lazy-kube-config' }, () => ({
      contents: 'export class SocksProxyAgent {}',
    }));
  },
};

const stubs: Plugin = {
  name: 'stubs',
  setup(bundle) {
    bundle.onLoad(
      {
        filter:
          /((client-node[\\/]dist[\\/](gen[\\/]index|azure_auth|gcp_auth)|undici[\\/]index)\.js|sealing[\\/]src[\\/]opener-entry\.ts)$/,
      },
      ({ path }) => {
        const stub = Object.entries(STUBS).find(([suffix]) => path.replaceAll('\\', '/').endsWith(`/${suffix}`));
        if (stub === undefined) throw new Error(`no stub for ${basename(path)}`);
        return { contents: stub[1] };
      },
    );
  },
};

/** All of zod for plug-ins, but for the languages of its messages other than English, as the text of one module. */
const zodModule: Plugin = {
  name: 'zod-module',
  setup(bundle) {
    bundle.onLoad({ filter: /[\\/]plugins[\\/]zod-module\.ts$/ }, async () => {
      const text = await bundledText({
        stdin: { contents: "export * from 'zod'; export { default } from 'zod';", resolveDir: '.' },
        bundle: true,
        minify: true,
        platform: 'node',
        target: 'node24',
        format: 'esm',
        legalComments: 'none',
        plugins: [englishOnly],
      });
      return { contents: `export const zodModule = ${JSON.stringify(text)};` };
    });
  },
};

/** The texts of the rights, as the built agent may be anywhere. */
const rightsTexts: Plugin = {
  name: 'rights-texts',
  setup(bundle) {
    bundle.onLoad({ filter: /[\\/]manifests[\\/]rights-texts\.ts$/ }, async () => {
      const textOf = async (name: string) => JSON.stringify(await readFile(`../../deploy/${name}`, 'utf8'));
      return {
        contents: `export const rightsOwn = ${await textOf('rights-own.yaml')};
          export const rightsRestarts = ${await textOf('rights-restarts.yaml')};`,
      };
    });
  },
};

/** The style and the script of the status page, as texts. */
const pageAssets: Plugin = {
  name: 'page-assets',
  setup(bundle) {
    bundle.onLoad({ filter: /[\\/]page[\\/]style-sheet\.ts$/ }, async () => {
      const text = await bundledText({ ...IN_BROWSER, entryPoints: ['src/page/page.css'] });
      return { contents: `export const styleSheet = ${JSON.stringify(text)};` };
    });
    bundle.onLoad({ filter: /[\\/]page[\\/]client-script\.ts$/ }, async () => {
      const text = await bundledText({ ...IN_BROWSER, entryPoints: ['src/page/client/main.ts'] });
      return { contents: `export const clientScript = ${JSON.stringify(text)};` };
    });
  },
};

const IN_BROWSER = {
  bundle: true,
  minify: true,
  format: 'iife',
  target: ['chrome117', 'firefox117', 'safari16.5'],
  legalComments: 'none',
} satisfies BuildOptions;

const englishOnly: Plugin = {
  name: 'english-only',
  setup(bundle) {
    bundle.onLoad({ filter: /zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, ({ path }) => ({
      contents: "export { default as en } from './en.js';",
      resolveDir: dirname(path),
    }));
  },
};

/** Of the bundles that are texts in the bundle. */
const metafilesOfTexts: Metafile[] = [];

/** A bundle as one text: what it holds of others is held by the agent too. */
async function bundledText(options: BuildOptions): Promise<string | undefined> {
  const { metafile, outputFiles } = await build({ ...options, metafile: true, write: false });
  metafilesOfTexts.push(metafile);
  return outputFiles[0]?.text;
}

/** CommonJS modules in the bundle ask for Node's own by `require`. */
const BANNER = `
import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);`.trim();

const MAIN = 'src/main.ts';
/** The process in which sealed values are opened (docs/decisions/0021-sealing.md). */
const OPENER = '../../packages/sealing/src/opener-process.ts';

const { metafile, outputFiles } = await build({
  entryPoints: { main: MAIN, opener: OPENER },
  outdir: 'dist',
  // In parts, as each is read when it is needed first: what a command does not use costs no memory (docs/decisions/0020-in-parts.md).
  splitting: true,
  entryNames: 'parts/[name]-[hash]',
  chunkNames: 'parts/[name]-[hash]',
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  conditions: ['@hikyaku/source'],
  // By this word undici leaves out a second parser, which it does not use.
  define: { esbuildDetection: 'true' },
  metafile: true,
  write: false,
  sourcemap: 'external',
  legalComments: 'none',
  banner: { js: BANNER },
  plugins: [stubs, lazyKubeConfig, zodModule, rightsTexts, pageAssets],
  logLevel: 'warning',
});

/** An old Node gets a sentence instead of a syntax error's stack. */
const ENTRY = `if (Number(process.versions.node.split('.')[0]) < 24) {
  process.stderr.write('error: hikyaku needs Node 24 or later; this is ' + process.version + '\\n');
  process.exit(2);
}
await import('./parts/${partOf(MAIN)}');
`;

await mkdir('dist/parts', { recursive: true });
// The folder may be copied anywhere.
await writeFile('dist/package.json', JSON.stringify({ type: 'module' }));
const before = await partsOfBuild();
for (const { path, contents } of outputFiles) await writeFile(path, contents);
await writeFile('dist/meta.json', JSON.stringify(metafile));
const bundled = bundledPackages([metafile, ...metafilesOfTexts], resolve('../..'));
const product = JSON.parse(await readFile('package.json', 'utf8'));
await writeFile('dist/sbom.cdx.json', billOfMaterials(bundled, product));
await writeFile('dist/THIRD-PARTY-LICENSES.txt', thirdPartyLicences(bundled));
await copyFile('../../LICENSE', 'dist/LICENSE');
// At once and last, so that an agent which starts during a build finds one or the other.
await replace('dist/opener.js', `await import('./parts/${partOf(OPENER)}');\n`);
await replace('dist/hikyaku.js', ENTRY);
// Agents that run already may still ask for a part of the build before.
const kept = new Set([...before, ...outputFiles.map(({ path }) => basename(path))]);
for (const name of await readdir('dist/parts')) if (!kept.has(name)) await rm(`dist/parts/${name}`);

function partOf(source: string): string {
  const found = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint === source);
  if (found === undefined) throw new Error(`the bundle has no part for ${source}`);
  return basename(found[0]);
}

async function replace(path: string, content: string): Promise<void> {
  await writeFile(`${path}.new`, content);
  await rename(`${path}.new`, path);
}

/** The names of the parts that stand in `dist/meta.json`. */
async function partsOfBuild(): Promise<readonly string[]> {
  try {
    const { outputs }: Metafile = JSON.parse(await readFile('dist/meta.json', 'utf8'));
    return Object.keys(outputs).map((path) => basename(path));
  } catch {
    return []; // none was built yet
  }
}
