import { startFakeSakura } from '@hikyaku/provider-sakura/testing';
import type { Cluster } from '@hikyaku/testbed';
import { OWN_NAME, ownIdentity } from './own-identity.ts';
import { placeCredential, textAt } from './preparer.ts';
import type { Preparer } from './preparer.ts';

export async function prepareSakura(own: Cluster): Promise<Preparer> {
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
      if ('servicePrincipal' in source.settings) {
        const id = fake.addPrincipal();
        const kid = { [OWN_NAME]: fake.uploadKey(id, (await ownIdentity(own)).publicKey) };
        return {
          settings: { url: fake.url, servicePrincipal: { id, kid } },
          env: { HIKYAKU_CLUSTER: OWN_NAME },
        };
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
