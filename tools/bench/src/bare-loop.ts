// The limit of the machine: the same POSTs from one undici pool, and nothing else. Arguments: URL TOKEN CA-FILE BODIES-FILE
import { readFileSync } from 'node:fs';
import { Pool } from 'undici';

const [url = '', token = '', caPath = '', bodiesPath = ''] = process.argv.slice(2);
const bodies: readonly { readonly path: string; readonly body: string }[] = JSON.parse(
  readFileSync(bodiesPath, 'utf8'),
);
const pool = new Pool(url, { connections: 32, allowH2: false, connect: { ca: readFileSync(caPath) } });
const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };

const queue = bodies.values();
async function worker(): Promise<void> {
  for (const { path, body } of queue) {
    const response = await pool.request({ method: 'POST', path, headers, body });
    await response.body.dump();
    if (response.statusCode !== 201) throw new Error(`${response.statusCode} for ${path}`);
  }
}
await Promise.all(Array.from({ length: 32 }, worker));
await pool.close();
