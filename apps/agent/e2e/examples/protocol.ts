import { randomBytes } from 'node:crypto';
import { startFakeProtocol } from '@hikyaku/provider-webhook/testing';
import type { FakeProtocol } from '@hikyaku/provider-webhook/testing';
import { placeCredential } from './preparer.ts';
import type { Preparer } from './preparer.ts';

/** A service for each source. */
export function prepareProtocol(): Preparer {
  const services: FakeProtocol[] = [];
  return {
    async prepare(source) {
      const token = randomBytes(24).toString('hex');
      const service = await startFakeProtocol({ token, secrets: source.contents });
      services.push(service);
      return { ...(await placeCredential(token, { path: ['token'] }, source)), settings: { url: service.url } };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(services.map((service) => service.close()));
    },
  };
}
