import { randomBytes } from 'node:crypto';
import { startFakeService } from '@hikyaku/provider-webhook/testing';
import type { FakeService } from '@hikyaku/provider-webhook/testing';
import { field } from '@hikyaku/testbed';
import { placeCredential } from './preparer.ts';
import type { Preparer } from './preparer.ts';

/** A service for each source, which lets in by the header that the source names, or by a bearer token. */
export function prepareWebhook(): Preparer {
  const services: FakeService[] = [];
  return {
    async prepare(source) {
      const [header] = Object.keys(Object(field(source.settings, 'headers')));
      const credential = randomBytes(24).toString('hex');
      const [name, text] = header === undefined ? ['authorization', `Bearer ${credential}`] : [header, credential];
      const service = await startFakeService({
        secrets: source.contents,
        access: (headers) => headers[name.toLowerCase()] === text,
      });
      services.push(service);
      const path = header === undefined ? ['token'] : ['headers', header];
      return { ...(await placeCredential(credential, { path }, source)), settings: { url: service.url } };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(services.map((service) => service.close()));
    },
  };
}
