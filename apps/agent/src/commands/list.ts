import type { SecretInfo, Snapshot } from '@hikyaku/core';
import type { ConnectOptions } from '../connect-cluster.ts';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { count } from '../output/count.ts';
import { printable, printableLines } from '../output/printable.ts';
import { styleFor } from '../output/style.ts';
import { openSource } from '../writing/open-source.ts';
import { readEverything } from '../writing/read-everything.ts';

export interface ListOptions extends ConnectOptions {
  /** Values too. */
  readonly reveal?: boolean;
}

/** What a source holds: names and versions; values only when asked for. */
export async function list(name: string, options: ListOptions, edge: Edge): Promise<ExitCode> {
  await using opened = await openSource(name, options, edge);
  const { client, source } = opened;
  const { stdout } = edge;
  const snapshot =
    options.reveal === true || client.list === undefined ? await readEverything(client, name, edge) : undefined;
  const infos = (snapshot === undefined ? ((await client.list?.(edge)) ?? []) : infosOf(snapshot)).toSorted((a, b) =>
    a.name < b.name ? -1 : 1,
  );
  const unknown = [...(snapshot?.unknown ?? [])].map(([secret, error]) => ({ secret, error }));

  if (options.json === true) {
    const secrets = infos.map((info) => ({ ...info, ...(options.reveal === true && jsonValue(snapshot, info.name)) }));
    const failed = unknown.map(({ secret, error }) => ({
      name: secret,
      error: { code: error.code, message: error.message },
    }));
    stdout.write(`${JSON.stringify({ source: name, secrets: [...secrets, ...failed] }, null, 2)}\n`);
  } else {
    const style = styleFor(edge, stdout);
    const width = infos.reduce((most, info) => Math.max(most, printable(info.name).length), 0);
    for (const { name: secret, version } of infos) {
      const value = options.reveal === true ? plainValue(snapshot, secret) : '';
      const shown = stdout.isTTY === true ? printableLines(value) : value;
      const text = options.reveal === true ? shown : version === undefined ? '' : `version ${printable(version)}`;
      const label = printable(secret);
      stdout.write(text === '' ? `${label}\n` : `${label.padEnd(width)}  ${text}\n`);
    }
    for (const { secret, error } of unknown) stdout.write(`${style.bad('✗')} ${printable(secret)}  ${error.message}\n`);
    edge.stderr.write(style.faint(`${count(infos.length, 'secret')} in ${source.description.identity}\n`));
  }
  return unknown.length > 0 ? EXIT.failed : EXIT.fine;
}

function infosOf({ secrets }: Snapshot): readonly SecretInfo[] {
  return [...secrets].map(([name, { version }]) => ({ name, ...(version !== undefined && { version }) }));
}

/** Several lines are indented below the name. */
function plainValue(snapshot: Snapshot | undefined, name: string): string {
  const value = snapshot?.secrets.get(name)?.value;
  const text = value?.text();
  if (value !== undefined && text === undefined) return `base64:${Buffer.from(value.reveal()).toString('base64')}`;
  return text?.includes('\n') === true ? `\n${text.replaceAll(/^/gm, '    ')}` : (text ?? '');
}

function jsonValue(snapshot: Snapshot | undefined, name: string): object {
  const value = snapshot?.secrets.get(name)?.value;
  if (value === undefined) return {};
  const text = value.text();
  return text === undefined ? { valueBase64: Buffer.from(value.reveal()).toString('base64') } : { value: text };
}
