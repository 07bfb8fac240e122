import type { Cluster } from '@hikyaku/testbed';
import { prepareDoppler } from './doppler.ts';
import { prepareKubernetes } from './kubernetes.ts';
import { prepareOpenBao } from './openbao.ts';
import { textAt } from './preparer.ts';
import type { Preparer, SourceToPrepare } from './preparer.ts';
import { prepareProtocol } from './protocol.ts';
import { prepareSakura } from './sakura.ts';
import { prepareWebhook } from './webhook.ts';

/** Stands for every service that an example reads. */
export async function startPreparers(own: Cluster): Promise<Preparer> {
  await using stack = new AsyncDisposableStack();
  const preparers: Readonly<Record<string, Preparer>> = {
    doppler: stack.use(await prepareDoppler(own)),
    sakura: stack.use(await prepareSakura(own)),
    webhook: stack.use(prepareWebhook()),
    'webhook, hikyaku': stack.use(prepareProtocol()),
    kubernetes: stack.use(prepareKubernetes(own)),
    './openbao.ts': stack.use(await prepareOpenBao()),
    // Its files are beside the config.
    file: { prepare: async () => ({}), async [Symbol.asyncDispose]() {} },
  };
  const all = stack.move();
  return {
    async prepare(source) {
      const kind = kindOf(source);
      const preparer = preparers[kind];
      if (preparer === undefined) throw new Error(`nothing here stands for a source of the type ${kind}`);
      return await preparer.prepare(source);
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

function kindOf({ settings }: SourceToPrepare): string {
  return ['type', 'protocol'].flatMap((word) => textAt(settings, word) ?? []).join(', ');
}
