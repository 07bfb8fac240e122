// A provider in one file: the keys of one OpenBao or HashiCorp Vault path (KV version 2). One request per refresh.
// What it imports comes with the agent: nothing has to be installed beside it.
import { defineProvider, ProviderError, refId, SecretValue } from '@hikyaku/core';
import type { Secret } from '@hikyaku/core';
import { baseUrl, httpError, isPlainUrl, isSafeUrl, retry, sendRequest } from '@hikyaku/provider-utils';
import * as z from 'zod';

/** https://openbao.org/api-docs/secret/kv/kv-v2/#read-secret-version */
const answerSchema = z.object({
  data: z.object({ data: z.record(z.string(), z.string()), metadata: z.object({ version: z.int() }) }),
});

export default defineProvider({
  type: 'openbao',
  config: z.strictObject({
    url: z.url().refine(isSafeUrl, { error: 'must be https' }).refine(isPlainUrl, { error: 'must be a plain address' }),
    mount: z.string().min(1).default('secret'),
    path: z.string().min(1),
  }),
  credentials: [{ path: 'token', default: { env: 'BAO_TOKEN' } }],
  describe: ({ url, mount, path }) => ({
    identity: `openbao ${baseUrl(url)} ${mount}/${path}`,
    origins: [new URL(url).origin],
  }),
  connect({ url, mount, path }, context) {
    const { dispatcher, clock } = context;
    const parts = [mount, 'data', ...path.split('/')].map(encodeURIComponent);
    const address = `${baseUrl(url)}/v1/${parts.join('/')}`;

    async function fetchPath(signal: AbortSignal): Promise<Uint8Array> {
      const token = await context.credential('token', { signal });
      const headers = { 'x-vault-token': token.text() ?? '' };
      const answer = await sendRequest(address, { dispatcher, clock, signal, headers });
      if (answer.status === 200) return answer.body;
      // Also of a path that was deleted: NOT_FOUND keeps what was last read, it removes nothing.
      throw httpError(answer, `OpenBao answered ${answer.status} for ${mount}/${path}`, { clock });
    }

    return {
      async read({ refs, previous, signal }) {
        const body = await retry(() => fetchPath(signal), { clock, signal });
        const answer = answerSchema.safeParse(parseJson(body)).data;
        if (answer === undefined) {
          // Not what zod says about it: that may quote a value.
          throw new ProviderError('INVALID_RESPONSE', `${mount}/${path} is not a KV version 2 secret whose values are text`);
        }
        const { data, metadata } = answer.data;
        const version = String(metadata.version);
        if (previous?.revision === version) return previous;
        const secrets = new Map<string, Secret>();
        for (const [name, value] of Object.entries(data)) secrets.set(name, { value: SecretValue.of(value), version });
        const unknown = new Map<string, ProviderError>();
        for (const ref of refs) if (ref.version !== undefined) unknown.set(refId(ref), noVersions(ref.name));
        return { secrets, ...(unknown.size > 0 ? { unknown } : { revision: version }) };
      },
    };
  },
});

function noVersions(name: string): ProviderError {
  return new ProviderError('UNSUPPORTED', `only the latest version is read: remove \`version\` from ${name}`);
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString());
  } catch {
    return undefined;
  }
}
