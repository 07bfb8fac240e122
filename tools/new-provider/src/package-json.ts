import type { ProviderName } from './provider-name.ts';

export interface Versions {
  /** Of our own packages. */
  readonly own: string;
  readonly zod: string;
}

/** For a package of this repository: its versions are exact, and its tests run with the others. */
export function insidePackageJson({ kebab }: ProviderName, { own, zod }: Versions): object {
  return {
    name: `@hikyaku/provider-${kebab}`,
    version: own,
    description: `${kebab} as a source of Kubernetes Secrets`,
    license: 'Apache-2.0',
    type: 'module',
    exports: {
      '.': entry('index', { '@hikyaku/source': './src/index.ts' }),
      './testing': entry('testing/index', { '@hikyaku/source': './src/testing/index.ts' }),
    },
    files: ['dist', '!**/*.test.*'],
    scripts: { build: 'rm -rf dist && tsc', test: `vitest run --root ../.. --project provider-${kebab}` },
    dependencies: { '@hikyaku/core': own, '@hikyaku/provider-utils': own, zod },
    devDependencies: { '@hikyaku/provider-testing': own },
  };
}

/** For a package of somebody else: the core is the agent's. */
export function outsidePackageJson({ kebab }: ProviderName, { own, zod }: Versions): object {
  return {
    name: `hikyaku-provider-${kebab}`,
    version: '0.1.0',
    description: `${kebab} as a source of hikyaku`,
    keywords: ['hikyaku', 'hikyaku-provider'],
    type: 'module',
    exports: { '.': entry('index'), './testing': entry('testing/index') },
    files: ['dist', '!**/*.test.*'],
    scripts: { build: 'rm -rf dist && tsc', test: 'node --test "src/**/*.test.ts"', prepack: 'npm run build' },
    peerDependencies: { '@hikyaku/core': `^${own}` },
    dependencies: { '@hikyaku/provider-utils': `^${own}`, zod: `^${zod}` },
    devDependencies: {
      '@hikyaku/core': `^${own}`,
      '@hikyaku/provider-testing': `^${own}`,
      '@types/node': '^24.0.0',
      typescript: '^7.0.0',
    },
  };
}

export const OUTSIDE_TSCONFIG: object = {
  compilerOptions: {
    target: 'es2024',
    lib: ['es2024', 'esnext.disposable'],
    module: 'nodenext',
    types: ['node'],
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    verbatimModuleSyntax: true,
    erasableSyntaxOnly: true,
    rewriteRelativeImportExtensions: true,
    skipLibCheck: true,
    declaration: true,
    rootDir: 'src',
    outDir: 'dist',
  },
  include: ['src'],
};

function entry(name: string, first: object = {}): object {
  return { ...first, types: `./dist/${name}.d.ts`, default: `./dist/${name}.js` };
}
