import { KubeError } from '@hikyaku/kube-client';
import { describe, expect, test } from 'vitest';
import { putEvent } from './event-object.ts';
import type { AgentEvent } from './event-object.ts';

const { signal } = new AbortController();
const event: AgentEvent = {
  about: ['secret', 'web/db'],
  type: 'Warning',
  reason: 'SecretKept',
  message: 'Secret web/db: no key A',
};
const at = Date.UTC(2026, 0, 1, 0, 0, 0, 500);

interface Body {
  readonly metadata: { readonly name: string };
  readonly message: string;
}

/** What is put for this event; the status object has this uid, or is not there. */
async function put(changes: Partial<AgentEvent> = {}, uid?: string) {
  const sent: { readonly path: string; readonly body: Body }[] = [];
  const client = {
    async request(method: string, path: string, { body }: { readonly body?: unknown }) {
      if (method === 'PUT') sent.push({ path, body: body as Body });
      else expect([method, path]).toEqual(['GET', '/api/v1/namespaces/agents/configmaps/hikyaku-status']);
      if (method === 'GET' && uid === undefined) throw new KubeError('NOT_FOUND', 'not there');
      return { status: 200, body: { metadata: { uid } } };
    },
  };
  await putEvent(client, { ...event, ...changes }, { namespace: 'agents', at, signal });
  const [only] = sent;
  if (only === undefined || sent.length > 1) throw new Error(`${sent.length} were put`);
  return only;
}

describe('an Event', () => {
  test('regards the status object, by its uid where it is there', async () => {
    const { path, body } = await put({}, 'u-1');
    expect(path).toBe(`/api/v1/namespaces/agents/events/${body.metadata.name}`);
    const where = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'agents', name: 'hikyaku-status' };
    expect(body).toMatchObject({
      apiVersion: 'v1',
      kind: 'Event',
      involvedObject: { ...where, uid: 'u-1' },
      type: 'Warning',
      reason: 'SecretKept',
      message: 'Secret web/db: no key A',
      lastTimestamp: '2026-01-01T00:00:00Z',
      count: 1,
    });
    expect((await put()).body).toMatchObject({ involvedObject: where });
  });

  test('has a name that is the same for the same thing, another for another, and valid whatever it is called', async () => {
    const nameOf = async (...about: readonly string[]) => (await put({ about })).body.metadata.name;
    expect(await nameOf('secret', 'web/db')).toBe(await nameOf('secret', 'web/db'));
    expect(await nameOf('push', 'web/a → nas')).not.toBe(await nameOf('push', 'web/a.nas'));
    const long = await nameOf('secret', `${'n'.repeat(63)}/${'a'.repeat(253)}`);
    expect(long.length).toBeLessThanOrEqual(253);
    for (const name of [long, await nameOf('push', 'web/a → nas'), await nameOf('hold', 'source:nas')])
      expect(name).toMatch(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/);
  });

  test('is cut between characters to what an Event takes', async () => {
    const { message } = (await put({ message: `a${'é'.repeat(2_000)}` })).body;
    expect(Buffer.byteLength(message)).toBeLessThanOrEqual(1_024);
    expect(message).toMatch(/^aé{400,}…$/);
  });
});
