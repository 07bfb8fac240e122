import type { GlobalOptions } from '../global-options.ts';
import { UserError } from '../user-error.ts';

export interface OverClustersOptions {
  /** One text for all of them: what is waited for, by cluster. */
  readonly onProgress: (text: string) => void;
}

interface ContextOptions extends GlobalOptions {
  readonly contexts?: readonly string[];
  /** `--cluster`: there cannot be one name for several. */
  readonly cluster?: string;
}

/** Does the same for each context of `--contexts` at once, else for the one cluster at hand; in the order of the contexts. */
export async function overClusters<Options extends ContextOptions, Result>(
  options: Options,
  work: (one: Options, onProgress: (waiting: readonly string[]) => void) => Promise<Result>,
  { onProgress }: OverClustersOptions,
): Promise<readonly Result[]> {
  const { contexts, context, cluster } = options;
  if (contexts !== undefined && context !== undefined)
    throw new UserError('--context and --contexts do not go together: name all of them in --contexts');
  if (contexts !== undefined && cluster !== undefined)
    throw new UserError('--cluster and --contexts do not go together: each cluster is known by its own key');
  const waiting = new Map<string, readonly string[]>();
  const tell = (name: string) => (texts: readonly string[]) => {
    waiting.set(name, texts);
    const parts = [...waiting]
      .filter(([, some]) => some.length > 0)
      .map(([of, some]) => `${of === '' ? '' : `${of}: `}${some.join(', ')}`);
    onProgress(parts.join('; '));
  };
  if (contexts === undefined) return [await work(options, tell(''))];
  return await Promise.all(contexts.map((name) => work({ ...options, context: name }, tell(name))));
}
