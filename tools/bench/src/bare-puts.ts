// The limit of the machine: PUTs of the same Secrets from one warm undici pool, and nothing else. Arguments: URL TOKEN CA-FILE BODIES-FILE ROUNDS
// Prints the milliseconds of each round, as JSON. Each body holds the text ROUND, which is another one each time.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';

const [url = '', token = '', caPath = '', bodiesPath = '', rounds = ''] = process.argv.slice(2);
const bodies: readonly { readonly path: string; readonly body: string }[] = JSON.parse(
  readFileSync(bodiesPath, 'utf8'),
);
const pool = new Pool(url, { connections: 32, allowH2: false, connect: { ca: readFileSync(caPath) } });
const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
const times: number[] = [];
for (let round = 0; round < Number(rounds); round++) {
  const queue = bodies.values();
  const text = Buffer.from(`bare-${round}`).toString('base64');
  const begin = performance.now();
  await Promise.all(Array.from({ length: 32 }, () => worker(queue, text)));
  times.push(performance.now() - begin);
  await sleep(100);
}
await pool.close();
process.stdout.write(JSON.stringify(times));

async function worker(queue: Iterable<(typeof bodies)[number]>, text: string): Promise<void> {
  for (const { path, body } of queue) {
    const response = await pool.request({ method: 'PUT', path, headers, body: body.replace('ROUND', text) });
    await response.body.dump();
    if (response.statusCode !== 200) throw new Error(`${response.statusCode} for ${path}`);
  }
}
