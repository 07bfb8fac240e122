import { isBuiltin, registerHooks } from 'node:module';
import type { LoadFnOutput, LoadHookContext, LoadHookSync } from 'node:module';
import type { ResolveFnOutput, ResolveHookContext, ResolveHookSync } from 'node:module';
import { ownModules } from './own-modules.ts';
import type { PlugInFormat } from './plug-in-file.ts';

/** Where a plug-in begins, and how the imports of its modules are resolved. */
export type Entry =
  /** A file and what it imports: by Node, but core, provider-utils and zod are the agent's own. */
  | { readonly kind: 'file'; readonly url: string; readonly format: PlugInFormat }
  /** An npm package as seen from `parentUrl`: by Node; the agent's own only where it has none beside it. */
  | { readonly kind: 'package'; readonly name: string; readonly parentUrl: string }
  /** These bytes and no other file; they get the agent's own and what is built into Node. */
  | { readonly kind: 'bytes'; readonly url: string; readonly format: PlugInFormat; readonly source: Uint8Array };

type Kind = Entry['kind'];
type NextResolve = Parameters<ResolveHookSync>[2];
type NextLoad = Parameters<LoadHookSync>[2];

const OWN = 'hikyaku:own/';
const ENTRY = 'hikyaku:entry/';

/** Node's module loader, taught to load plug-ins. Modules that no plug-in brought in are none of its business. */
export class ModuleHooks {
  readonly #own = ownModules();
  readonly #entries = new Map<string, Entry>();
  /** The modules of plug-ins by url. */
  readonly #kinds = new Map<string, Kind>();
  readonly #formats = new Map<string, PlugInFormat>();
  readonly #sources = new Map<string, Uint8Array>();

  constructor() {
    registerHooks({
      resolve: (specifier, context, next) => this.#resolve(specifier, context, next),
      load: (url, context, next) => this.#load(url, context, next),
    });
  }

  /** The namespace of the plug-in's first module. Rejects with whatever Node, or the plug-in itself, throws. */
  async import(entry: Entry): Promise<unknown> {
    const specifier = `${ENTRY}${this.#entries.size}`;
    this.#entries.set(specifier, entry);
    return await import(specifier);
  }

  /** Whether a plug-in brought in the module. */
  has(url: string): boolean {
    return this.#kinds.has(url);
  }

  #resolve(specifier: string, context: ResolveHookContext, next: NextResolve): ResolveFnOutput {
    const entry = this.#entries.get(specifier);
    if (entry !== undefined) return this.#enter(entry, context, next);
    const kind = this.#kinds.get(context.parentURL ?? '');
    const own = this.#own.has(specifier) ? { url: OWN + specifier, shortCircuit: true } : undefined;
    if (kind === undefined) return next(specifier, context);
    if (kind !== 'package' && own !== undefined) return own;
    if (kind === 'bytes' && !isBuiltin(specifier)) {
      const names = [...this.#own.keys()].map((name) => `\`${name}\``).join(', ');
      throw new Error(
        `it imports \`${specifier}\`. A plug-in that is loaded by its digest is one file: it can import ${names} and what is built into Node`,
      );
    }
    try {
      return this.#remember(next(specifier, context), kind);
    } catch (error) {
      if (own !== undefined && error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')
        return own;
      throw error;
    }
  }

  #enter(entry: Entry, context: ResolveHookContext, next: NextResolve): ResolveFnOutput {
    if (entry.kind === 'package') {
      return this.#remember(next(entry.name, { ...context, parentURL: entry.parentUrl }), entry.kind);
    }
    this.#formats.set(entry.url, entry.format);
    if (entry.kind === 'bytes') this.#sources.set(entry.url, entry.source);
    return this.#remember({ url: entry.url, shortCircuit: true }, entry.kind);
  }

  #remember(resolved: ResolveFnOutput, kind: Kind): ResolveFnOutput {
    const { url } = resolved;
    // A package that is linked is its author's own folder; what a file imports from node_modules is a package.
    const isInstalled = url.includes('/node_modules/');
    if (url.startsWith('file:')) this.#kinds.set(url, kind === 'bytes' ? kind : isInstalled ? 'package' : 'file');
    return resolved;
  }

  #load(url: string, context: LoadHookContext, next: NextLoad): LoadFnOutput {
    const own = url.startsWith(OWN) ? this.#own.get(url.slice(OWN.length)) : undefined;
    if (own !== undefined) return { format: 'module', source: own, shortCircuit: true };
    const format = this.#formats.get(url);
    const source = this.#sources.get(url);
    if (source !== undefined) return { format, source, shortCircuit: true };
    return next(url, format === undefined ? context : { ...context, format });
  }
}
