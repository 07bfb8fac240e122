import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Config files in a directory of their own, removed at the end. */
export class ConfigFiles implements AsyncDisposable {
  readonly #directory = mkdtemp(join(tmpdir(), 'hikyaku-config-'));
  #written = 0;

  /** Writes one and returns its path. JSON, which is YAML too. */
  async write(config: object): Promise<string> {
    const path = join(await this.#directory, `${++this.#written}.yaml`);
    await writeFile(path, JSON.stringify(config, null, 2));
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(await this.#directory, { recursive: true, force: true });
  }
}
