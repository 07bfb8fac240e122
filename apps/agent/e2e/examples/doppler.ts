import type { JsonWebKey } from 'node:crypto';
import { basename } from 'node:path';
import { type FakeIdentity, startFakeDoppler } from '@hikyaku/provider-doppler/testing';
import type { Contents } from './example.ts';
import { type Cluster, field, succeeded } from '@hikyaku/testbed';
import { sealToken } from '../identity.test.kit.ts';
import { OWN_NAME, ownIdentity } from './own-identity.ts';
import { placeCredential, textAt } from './preparer.ts';
import type { Preparer } from './preparer.ts';

const SUBJECT = 'system:serviceaccount:hikyaku:hikyaku';

export async function prepareDoppler(own: Cluster): Promise<Preparer> {
  const fake = await startFakeDoppler();
  return {
    async prepare(source) {
      const { example, settings, contents, isPushedTo } = source;
      // Without these two, the token says which config it opens.
      const project = textAt(settings, 'project') ?? basename(example);
      const config = textAt(settings, 'config') ?? 'prd';
      fake.addConfig(project, config, contents);
      if ('oidc' in settings) {
        const identity = {
          [OWN_NAME]: fake.addIdentity({ ...(await issuerOf(own)), audience: fake.url, subject: SUBJECT }),
        };
        return { settings: { url: fake.url, oidc: { identity } }, env: { HIKYAKU_CLUSTER: OWN_NAME } };
      }
      const token = fake.serviceToken(project, config, { access: isPushedTo ? 'read/write' : 'read' });
      const form = ['perCluster', 'sealed'].find((word) => field(settings, 'token', word) !== undefined);
      if (form !== undefined) {
        const sealed = await sealToken(fake, token, { [OWN_NAME]: (await ownIdentity(own)).recipient });
        return {
          settings: {
            url: fake.url,
            token: form === 'sealed' ? { sealed } : { perCluster: { [OWN_NAME]: { sealed } } },
          },
          env: { HIKYAKU_CLUSTER: OWN_NAME },
          hidden: [token],
        };
      }
      const placed = await placeCredential(token, { path: ['token'], byDefault: 'DOPPLER_TOKEN' }, source);
      return { ...placed, settings: { url: fake.url }, look: () => download(fake.url, token) };
    },
    [Symbol.asyncDispose]: () => fake.close(),
  };
}

/** What Doppler would find over the internet. */
async function issuerOf({ admin }: Cluster): Promise<Pick<FakeIdentity, 'issuer' | 'keys'>> {
  const keys = field(succeeded(await admin('GET', '/openid/v1/jwks')), 'keys');
  return {
    issuer: String(field(succeeded(await admin('GET', '/.well-known/openid-configuration')), 'issuer')),
    keys: Array.isArray(keys) ? keys.map((key): JsonWebKey => Object(key)) : [],
  };
}

/** Without the three names that Doppler adds. */
async function download(url: string, token: string): Promise<Contents> {
  const path = '/v3/configs/config/secrets/download?format=json&include_dynamic_secrets=false';
  const answer = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } });
  const secrets = Object.entries<string>(Object(await answer.json()));
  return Object.fromEntries(secrets.filter(([name]) => !/^DOPPLER_(?:PROJECT|ENVIRONMENT|CONFIG)$/.test(name)));
}
