import { startFakeSakura } from '@hikyaku/provider-sakura/testing';
import { placeCredential, textAt } from './preparer.ts';
import type { Preparer } from './preparer.ts';

export async function prepareSakura(): Promise<Preparer> {
  const fake = await startFakeSakura();
  const { accessToken, accessTokenSecret } = fake.addKey();
  return {
    async prepare(source) {
      const vault = fake.addVault({ id: textAt(source.settings, 'vault') ?? '' });
      for (const [name, value] of Object.entries(source.contents)) {
        // A first version, for whoever asks for it.
        fake.set(vault, name, `${value}, before`);
        fake.set(vault, name, value);
      }
      const token = { path: ['accessToken'], byDefault: 'SAKURA_ACCESS_TOKEN' };
      const secret = { path: ['accessTokenSecret'], byDefault: 'SAKURA_ACCESS_TOKEN_SECRET' };
      const placed = [
        await placeCredential(accessToken, token, source),
        await placeCredential(accessTokenSecret, secret, source),
      ];
      return {
        settings: { url: fake.url },
        env: Object.assign({}, ...placed.map(({ env }) => env)),
        hidden: [accessToken, accessTokenSecret],
      };
    },
    [Symbol.asyncDispose]: () => fake.close(),
  };
}
