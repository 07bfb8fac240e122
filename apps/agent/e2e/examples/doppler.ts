import { basename } from 'node:path';
import { startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { Contents } from './example.ts';
import { placeCredential, textAt } from './preparer.ts';
import type { Preparer } from './preparer.ts';

export async function prepareDoppler(): Promise<Preparer> {
  const fake = await startFakeDoppler();
  return {
    async prepare(source) {
      const { example, settings, contents, isPushedTo } = source;
      // Without these two, the token says which config it opens.
      const project = textAt(settings, 'project') ?? basename(example);
      const config = textAt(settings, 'config') ?? 'prd';
      fake.addConfig(project, config, contents);
      const token = fake.serviceToken(project, config, { access: isPushedTo ? 'read/write' : 'read' });
      const placed = await placeCredential(token, { path: ['token'], byDefault: 'DOPPLER_TOKEN' }, source);
      return { ...placed, settings: { url: fake.url }, look: () => download(fake.url, token) };
    },
    [Symbol.asyncDispose]: () => fake.close(),
  };
}

/** Without the three names that Doppler adds. */
async function download(url: string, token: string): Promise<Contents> {
  const path = '/v3/configs/config/secrets/download?format=json&include_dynamic_secrets=false';
  const answer = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } });
  const secrets = Object.entries<string>(Object(await answer.json()));
  return Object.fromEntries(secrets.filter(([name]) => !/^DOPPLER_(?:PROJECT|ENVIRONMENT|CONFIG)$/.test(name)));
}
