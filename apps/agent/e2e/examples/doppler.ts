import { basename } from 'node:path';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import { placeCredential, textAt } from './preparer.ts';
import type { Preparer } from './preparer.ts';

export async function prepareDoppler(): Promise<Preparer> {
  const fake = await startFakeDoppler();
  return {
    async prepare(source) {
      const { example, settings, contents } = source;
      // Without these two, the token says which config it opens.
      const project = textAt(settings, 'project') ?? basename(example);
      const config = textAt(settings, 'config') ?? 'prd';
      fake.addConfig(project, config, contents);
      const token = fake.serviceToken(project, config);
      const placed = await placeCredential(token, { path: ['token'], byDefault: 'DOPPLER_TOKEN' }, source);
      return { ...placed, settings: { url: fake.url } };
    },
    [Symbol.asyncDispose]: () => fake.close(),
  };
}
