import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hikyaku } from '@hikyaku/testbed';
import { expect, test } from 'vitest';

test('a SOCKS proxy that the kubeconfig names is asked for the API server, by the built agent too', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'hikyaku-socks-'));
  let asked = Buffer.alloc(0);
  const proxy = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => {
      asked = Buffer.concat([asked, data]);
      // Version 5: first no authentication, then the request is refused.
      socket.write(asked.length <= 4 ? Buffer.from([5, 0]) : Buffer.from([5, 2, 0, 1, 0, 0, 0, 0, 0, 0]));
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  try {
    const address = proxy.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const kubeconfig = join(directory, 'kubeconfig');
    const server = { server: 'https://api.example.test:6443', 'proxy-url': `socks5://127.0.0.1:${port}` };
    await writeFile(
      kubeconfig,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'far',
        contexts: [{ name: 'far', context: { cluster: 'far', user: 'me' } }],
        clusters: [{ name: 'far', cluster: server }],
        users: [{ name: 'me', user: { token: 'none' } }],
      }),
    );
    const config = join(directory, 'hikyaku.yaml');
    await writeFile(config, 'providers: { h: { type: doppler } }\nsecrets: [{ name: a, namespace: web, from: h }]\n');
    const { exitCode, stderr } = await hikyaku(['plan', '--config', config, '--kubeconfig', kubeconfig], {
      env: { DOPPLER_TOKEN: 'dp.st.none' },
    });
    expect(exitCode).toBe(1);
    expect(stderr).not.toContain('bug');
    expect(asked[0]).toBe(5);
    expect(asked.toString('latin1')).toContain('api.example.test');
  } finally {
    proxy.close();
    await rm(directory, { recursive: true, force: true });
  }
});
