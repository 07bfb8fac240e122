import type { SecretsClient, Snapshot } from '@hikyaku/core';
import type { Edge } from '../edge.ts';
import { count } from '../output/count.ts';
import { Progress } from '../output/progress.ts';

/** All that a source holds. Says how far it is: a source that allows 60 requests a minute takes minutes. */
export async function readEverything(client: SecretsClient, source: string, edge: Edge): Promise<Snapshot> {
  using progress = new Progress(edge);
  return await client.read({
    all: true,
    refs: [],
    signal: edge.signal,
    progress({ secrets, unknown }) {
      progress.show(`reading ${source}: ${secrets.size} of ${count(secrets.size + (unknown?.size ?? 0), 'secret')}`);
    },
  });
}
