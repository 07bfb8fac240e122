import { randomBytes } from 'node:crypto';
import { startFakeService } from '@hikyaku/provider-webhook/testing';
import type { FakeService } from '@hikyaku/provider-webhook/testing';
import { placeCredential, textAt } from './preparer.ts';
import type { Preparer } from './preparer.ts';

/** A service for each source, which wants the credential that the example names: `token`, or the header `X-Api-Key`. */
export function prepareWebhook(): Preparer {
  const services: FakeService[] = [];
  return {
    async prepare(source) {
      const credential = randomBytes(24).toString('hex');
      const service = await startFakeService({ secrets: source.contents });
      services.push(service);
      service.setAccess((headers) =>
        [headers['x-api-key'], headers.authorization].some(
          (sent) => sent === credential || sent === `Bearer ${credential}`,
        ),
      );
      const settings = { url: service.url };
      const variable = textAt(source.settings, 'headers', 'X-Api-Key', 'env');
      if (variable !== undefined) return { env: { [variable]: credential }, hidden: [credential], settings };
      return { ...(await placeCredential(credential, { word: 'token' }, source)), settings };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(services.map((service) => service.close()));
    },
  };
}
