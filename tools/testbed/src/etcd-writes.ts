import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { request } from 'undici';
import { field } from './cluster.ts';

export interface EtcdWrite {
  /** `/registry/secrets/web/app` */
  readonly key: string;
  /** Of what was written; 0 for a deletion. */
  readonly bytes: number;
}

/** etcd below an API server of our own: every write of any object, also one that the API does not show. */
export class EtcdWrites {
  readonly #url: string;

  private constructor(url: string) {
    this.#url = url;
  }

  /** `directory` is that of the devcluster. */
  static async of(directory: string): Promise<EtcdWrites> {
    const ports: unknown = JSON.parse(await readFile(join(directory, 'ports.json'), 'utf8'));
    return new EtcdWrites(`http://127.0.0.1:${String(field(ports, 'etcd'))}`);
  }

  /** Goes up by one with every write. */
  async revision(): Promise<number> {
    const response = await this.#post('/v3/kv/range', { key: ALL, range_end: ALL, limit: 1, keys_only: true });
    return Number(field(await response.body.json(), 'header', 'revision'));
  }

  /** The keys that were written or deleted after revision `from` until now, once for each time, without what the API server renews for itself. */
  async since(from: number): Promise<readonly string[]> {
    return (await this.writesSince(from)).map(({ key }) => key);
  }

  /** The same with the size of each. */
  async writesSince(from: number): Promise<readonly EtcdWrite[]> {
    const until = await this.revision();
    if (until === from) return [];
    const { body } = await this.#post('/v3/watch', {
      create_request: { key: ALL, range_end: ALL, start_revision: from + 1 },
    });
    const writes: EtcdWrite[] = [];
    let text = '';
    let seen = from;
    for await (const chunk of body) {
      const lines = (text + String(chunk)).split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        const events = field(JSON.parse(line), 'result', 'events');
        for (const event of Array.isArray(events) ? events : []) {
          seen = Number(field(event, 'kv', 'mod_revision'));
          const key = Buffer.from(String(field(event, 'kv', 'key')), 'base64').toString();
          const value = field(event, 'kv', 'value');
          const bytes = typeof value === 'string' ? Buffer.byteLength(value, 'base64') : 0;
          if (seen <= until) writes.push({ key, bytes });
        }
      }
      // Each revision has an event.
      if (seen >= until) break;
    }
    return writes.filter(({ key }) => !SERVERS_OWN.test(key));
  }

  async #post(path: string, body: object) {
    return await request(this.#url + path, { method: 'POST', body: JSON.stringify(body), bodyTimeout: 10_000 });
  }
}

/** NUL as the first and the last key: all of them. */
const ALL = 'AA==';
const SERVERS_OWN =
  /^(compact_rev_key|\/registry\/leases\/kube-system\/apiserver-.*|\/registry\/peerserverleases\/.*)$/;
