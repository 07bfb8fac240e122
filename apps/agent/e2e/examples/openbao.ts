import { randomBytes } from 'node:crypto';
import { field } from '@hikyaku/testbed';
import { startLocalServer } from '../../../../tools/testbed/src/local-server.ts';
import { placeCredential, textAt } from './preparer.ts';
import type { Preparer } from './preparer.ts';

/** https://openbao.org/api-docs/secret/kv/kv-v2/#read-secret-version */
export async function prepareOpenBao(): Promise<Preparer> {
  const token = randomBytes(24).toString('hex');
  const paths = new Map<string, Readonly<Record<string, string>>>();
  const server = await startLocalServer(({ path, headers }) => {
    if (headers['x-vault-token'] !== token) return { status: 403, body: { errors: ['permission denied'] } };
    const data = paths.get(path);
    if (data === undefined) return { status: 404, body: { errors: [] } };
    return { status: 200, body: { data: { data, metadata: { version: 1 } } } };
  });
  return {
    async prepare(source) {
      const { settings, contents } = source;
      paths.set(`/v1/${textAt(settings, 'mount') ?? 'secret'}/data/${String(field(settings, 'path'))}`, contents);
      const placed = await placeCredential(token, { path: ['token'], byDefault: 'BAO_TOKEN' }, source);
      return { ...placed, settings: { url: server.url } };
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
