import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fingerprintOf, generateIdentity } from '@hikyaku/sealing';
import { type Finished, hikyaku } from '@hikyaku/testbed';

/** A cluster, or a person, with its key. */
export interface Party {
  readonly name: string;
  /** Of identities. */
  readonly file: string;
  readonly recipient: string;
  readonly fingerprint: string;
}

export async function makeParty(name: string): Promise<Party> {
  const { file, recipient } = await generateIdentity();
  return { name, file, recipient, fingerprint: fingerprintOf(recipient) };
}

export interface RunOptions {
  readonly input?: string | Uint8Array;
  /** Whose key is at hand. */
  readonly as?: Party;
  readonly env?: Readonly<Record<string, string>>;
}

/** A folder with a config, and a home folder without any key. */
export class SealDesk implements AsyncDisposable {
  readonly folder: string;
  readonly path: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.path = join(folder, 'hikyaku.yaml');
  }

  static async open(text: string): Promise<SealDesk> {
    const desk = new SealDesk(await mkdtemp(join(tmpdir(), 'hikyaku-seal-')));
    await desk.write(text);
    return desk;
  }

  async write(text: string): Promise<void> {
    await writeFile(this.path, text);
  }

  async read(): Promise<string> {
    return await readFile(this.path, 'utf8');
  }

  async run(args: readonly string[], { input, as, env = {} }: RunOptions = {}): Promise<Finished> {
    return await hikyaku(args, {
      cwd: this.folder,
      env: { HOME: this.folder, ...(as && { SOPS_AGE_KEY: as.file }), ...env },
      ...(input !== undefined && { input }),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Everything but the lines of sealed values. */
export function aroundSealed(text: string): string {
  return text.replaceAll(/-----BEGIN AGE[^]*?-----END AGE ENCRYPTED FILE-----/g, '…');
}

/** With another body of the stanza that holds the binding (https://c2sp.org/age), as somebody without a key can make it. */
export function forgeBinding(armor: string, change: (json: string) => string): string {
  const bytes = Buffer.from(armor.replaceAll(/-----.*-----|\s/g, ''), 'base64');
  const forged = bytes.toString('latin1').replace(/(?<=^-> hikyaku\.dev\/bind v1\n)(?:.{64}\n)*.{0,63}\n/m, (body) => {
    const json = change(Buffer.from(body.replaceAll('\n', ''), 'base64').toString());
    const lines = Buffer.from(json).toString('base64').replaceAll('=', '').replaceAll(/.{64}/g, '$&\n');
    return `${lines}\n`;
  });
  const lines = Buffer.from(forged, 'latin1')
    .toString('base64')
    .replaceAll(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN AGE ENCRYPTED FILE-----\n${lines}\n-----END AGE ENCRYPTED FILE-----\n`;
}

/** With what a person may have written by hand: comments, an order of their own, an anchor, quotes. */
export function handWritten(parties: { readonly clusters: readonly Party[]; readonly backup?: Party }): string {
  return `# yaml-language-server: $schema=./hikyaku.schema.json
secrets: # first, because I like it so
  - { name: web-env,   namespace: web, from: doppler }   # two spaces\tand a tab

recipients:   # public keys only
${parties.clusters.map(({ name, recipient }) => `  ${name}:  ${recipient}   # in ${name}\n`).join('')}${parties.backup === undefined ? '' : `  ${parties.backup.name}: { key: ${parties.backup.recipient}, backup: true }\n`}
providers:
  doppler:
    type: doppler
    project: 'homelab'
    config: "prd"   # quotes stay
    token: { env: DOPPLER_TOKEN }   # until it is sealed
    refresh: &often 1m   # nobody refers to it
  # the box under the desk
  nas:
    url: https://nas.lan:8443
    type: webhook
    protocol: hikyaku
# the end
`;
}
