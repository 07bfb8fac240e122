import type { Fixture } from '../fixture.ts';
import { MemoryService } from './memory-service.test.kit.ts';

/** All hooks there are, on a fresh memory service. */
export async function openMemory(): Promise<Fixture> {
  const service = await MemoryService.start({ GREETING: 'good morning, 飛脚', OTHER: 'something else' });
  const version = service.set('PINNED', Buffer.from('the first one'));
  service.set('PINNED', Buffer.from('the second one'));
  let { token } = service;
  return {
    config: { url: service.url },
    credentials: {
      token: (refused) => {
        if (refused === token) ({ token } = service);
        return token;
      },
    },
    present: { name: 'GREETING', value: 'good morning, 飛脚' },
    all: () => service.names(),
    set: (name, value) => void service.set(name, value),
    remove: (name) => service.remove(name),
    pinned: { name: 'PINNED', version, value: 'the first one' },
    unreadable: (name) => service.makeUnreadable(name),
    faults: {
      unauthenticated: () => service.fail('unauthenticated'),
      forbidden: () => service.fail('forbidden'),
      notFound: () => service.fail('notFound'),
      rateLimited: (retryAfterMs) => service.fail('rateLimited', { retryAfterMs }),
      unavailable: () => service.fail('unavailable'),
      hang: () => service.fail('hang'),
      reset: () => service.fail('reset'),
      cut: () => service.fail('cut'),
      truncated: () => service.fail('truncated'),
      shortList: () => service.fail('shortList'),
      wrongType: () => service.fail('wrongType'),
      page: () => service.fail('page'),
      redirect: (to) => service.fail('redirect', { to }),
      slow: () => service.fail('slow'),
    },
    recover: () => service.recover(),
    rotate: () => {
      service.token = 'token-9876543210';
    },
    requests: () => service.requests,
    names: ['with space', 'a/b', '..', 'ドット.名前', `long-${'x'.repeat(240)}`, '%41', 'q?a=1&b#c', 'constructor'],
    largest: 1024 * 1024,
    binary: true,
    empty: true,
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  };
}
