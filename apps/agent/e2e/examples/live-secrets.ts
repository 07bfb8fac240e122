import type { LiveSecret } from '@hikyaku/testbed';
import type { Example, ExpectedSecret } from './example.ts';

/** What is compared of a Secret that an example makes. */
export type Live = Pick<LiveSecret, 'data' | 'type' | 'immutable' | 'labels' | 'annotations'>;

export function ofEach<T>({ secrets }: Example, of: (secret: ExpectedSecret) => T): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(secrets).map(([id, secret]) => [id, of(secret)]));
}

export function asLive({
  data,
  type = 'Opaque',
  immutable,
  labels = {},
  annotations = {},
  sources,
}: ExpectedSecret): Live {
  return {
    data,
    type,
    immutable: immutable ?? false,
    labels: { ...labels, 'hikyaku.dev/agent': 'hikyaku', 'app.kubernetes.io/managed-by': 'hikyaku' },
    annotations: {
      ...annotations,
      'hikyaku.dev/sources': sources,
      'kustomize.toolkit.fluxcd.io/prune': 'disabled',
    },
  };
}
