import { field } from '@hikyaku/testbed';
import { parse } from 'yaml';
import type { YamlBlock } from '../../../../tools/testbed/src/yaml-blocks.ts';

export interface DocumentedConfig {
  readonly text: string;
  readonly kind: 'a config' | 'its providers' | 'its secrets' | 'inside a ConfigMap';
  /** What the block leaves out, in a second file. */
  readonly rest?: object;
  /** Of its providers. */
  readonly types: readonly string[];
}

/** What a block holds: a whole config, or one of its two parts, completed by the other. A ConfigMap may hold some. */
export function documentedConfigs({ text, documents }: YamlBlock): readonly DocumentedConfig[] {
  return documents.flatMap((document) => configsIn(document, text, documents.length));
}

function configsIn(document: unknown, text: string, siblings: number): readonly DocumentedConfig[] {
  if (field(document, 'kind') === 'ConfigMap') {
    return Object.entries(Object(field(document, 'data'))).flatMap(([, inner]) => {
      if (typeof inner !== 'string' || !/^secrets:/m.test(inner)) return [];
      return configsIn(parse(inner), inner, 1).map((config) => ({ ...config, kind: 'inside a ConfigMap' as const }));
    });
  }
  if (siblings > 1) return [];
  const secrets = field(document, 'secrets');
  const providers = field(document, 'providers');
  const types = Object.values<unknown>(Object(providers)).map((settings) => String(field(settings, 'type')));
  if (secrets !== undefined && providers !== undefined) return [{ text, kind: 'a config', types }];
  if (providers !== undefined) return [{ text, kind: 'its providers', rest: { secrets: [] }, types }];
  if (secrets === undefined) return [];
  const named = [...new Set(sourcesNamedIn(secrets))];
  return [
    {
      text,
      kind: 'its secrets',
      rest: { providers: Object.fromEntries(named.map((name) => [name, { type: 'doppler' }])) },
      types,
    },
  ];
}

function sourcesNamedIn(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) =>
    key === 'from' && typeof inner === 'string' ? [inner] : sourcesNamedIn(inner),
  );
}
