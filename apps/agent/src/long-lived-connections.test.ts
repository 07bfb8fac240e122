import { once } from 'node:events';
import { createServer } from 'node:http';
import { request } from 'undici';
import { expect, test } from 'vitest';
import { Dispatchers } from './dispatchers.ts';

test('answers that stay open keep no other request waiting', async () => {
  const server = createServer(({ url }, response) => {
    if (url === '/watch') response.writeHead(200).flushHeaders();
    else response.end('ok');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const origin = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  await using dispatchers = new Dispatchers({ env: {} });
  const source = { identity: 'x', origins: [origin] };
  for (let i = 0; i < 10; i++) {
    const dispatcher = dispatchers.for(source, {}, { longLived: true });
    const { statusCode, body } = await request(`${origin}/watch`, { dispatcher });
    body.on('error', () => {}); // cut at the end
    expect(statusCode).toBe(200);
  }
  const { body } = await request(origin, { dispatcher: dispatchers.for(source) });
  expect(await body.text()).toBe('ok');
  server.closeAllConnections();
  server.close();
});
