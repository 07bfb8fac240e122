import { previousIfSame, ProviderError, readEach, refId } from '@hikyaku/core';
import type { CallOptions, ProviderContext, ReadRequest, SecretInfo, SecretsClient, Snapshot } from '@hikyaku/core';
import { Connection } from './connection.ts';
import { EverythingReader } from './everything-reader.ts';
import { listNames } from './list-names.ts';
import type { Listed } from './list-names.ts';
import { Outage } from './outage.ts';
import { Progress } from './progress.ts';
import { SecretReader } from './secret-reader.ts';
import { SecretWriter } from './secret-writer.ts';
import type { TemplatedConfig } from './templated-config.ts';

/** Opens a source that is described by templates. Throws `INVALID_CONFIG` when its credentials do not go together. */
export function connectTemplated(config: TemplatedConfig, context: ProviderContext): SecretsClient {
  const connection = new Connection(config, context);
  const { read, readAll, list, concurrency } = config;
  const one = read && new SecretReader(connection, read, context);
  const everything = readAll && new EverythingReader(connection, readAll, context);
  const writer = new SecretWriter(connection, config, context);

  async function readNames(request: ReadRequest): Promise<Snapshot> {
    if (one === undefined) throw new TypeError('the config lets a source without `read` through');
    const { previous, wants = () => true } = request;
    const [, storedFor] = /^each ([\w-]{22})$/.exec(previous?.revision ?? '') ?? [];
    const outage = new Outage();
    const progress = new Progress(request, context.clock);
    let listed: Listed | undefined;
    const snapshot = await readEach(
      async (ref, options) => {
        const info = listed?.infos.get(ref.name);
        const seen = listed && info && { account: listed.account, version: info.version };
        const secret = await one.read(ref, {
          ...options,
          storedFor,
          outage,
          ...(seen !== undefined && { listed: seen }),
        });
        progress.done(ref, secret);
        return secret;
      },
      {
        concurrency,
        ...(list !== undefined && {
          list: async (options: CallOptions) => {
            listed = await listNames(connection, list, context, options);
            const names = [...listed.infos.keys()];
            progress.expect(names.filter(wants).map((name) => ({ name })));
            return names;
          },
        }),
      },
    )(request);
    if (snapshot === previous || (snapshot.unknown?.size ?? 0) > 0) return snapshot;
    const account = one.accountOf(snapshot.secrets.values());
    return account === undefined ? snapshot : { ...snapshot, revision: `each ${account}` };
  }

  async function readEverything(request: ReadRequest, reader: EverythingReader): Promise<Snapshot> {
    const { previous, refs, signal } = request;
    const all = await reader.read({ signal, ...(previous !== undefined && { previous }) });
    const isIn = (id: string): boolean => all.secrets.has(id) || all.unknown?.has(id) === true;
    const rest = refs.filter((ref) => !isIn(refId(ref)));
    const more = one === undefined ? onlyLatest(rest) : await readRest(request, rest);
    if (more === undefined) return all;
    const unknown = new Map([...(all.unknown ?? []), ...(more.unknown ?? [])]);
    return { secrets: new Map([...all.secrets, ...more.secrets]), ...(unknown.size > 0 && { unknown }) };
  }

  async function readRest(request: ReadRequest, refs: ReadRequest['refs']): Promise<Snapshot | undefined> {
    // What it handed over would leave out everything else.
    return refs.length === 0 ? undefined : await readNames({ ...request, all: false, refs, progress() {} });
  }

  return {
    async read(request) {
      const useAll = everything !== undefined && (request.all || one === undefined);
      const snapshot = useAll ? await readEverything(request, everything) : await readNames(request);
      return previousIfSame(request.previous, snapshot);
    },
    ...((list ?? readAll) !== undefined && {
      async list({ signal }: CallOptions): Promise<readonly SecretInfo[]> {
        if (list !== undefined) return [...(await listNames(connection, list, context, { signal })).infos.values()];
        const { secrets, unknown = new Map<string, ProviderError>() } = (await everything?.read({ signal })) ?? {
          secrets: new Map(),
        };
        return [
          ...[...secrets].map(([name, { version }]) => ({ name, ...(version !== undefined && { version }) })),
          ...[...unknown.keys()].map((name) => ({ name })),
        ];
      },
    }),
    ...((config.write ?? config.delete) !== undefined && {
      write: (...[changes, options]: Parameters<NonNullable<SecretsClient['write']>>) => writer.write(changes, options),
    }),
  };
}

/** `readAll` has the latest versions only. */
function onlyLatest(refs: ReadRequest['refs']): Snapshot | undefined {
  const pinned = refs.filter(({ version }) => version !== undefined);
  if (pinned.length === 0) return undefined;
  const unknown = pinned.map((ref): [string, ProviderError] => [
    refId(ref),
    new ProviderError(
      'UNSUPPORTED',
      `${ref.name} cannot be read in a version: the source has no \`read\` with \`\${version}\``,
    ),
  ]);
  return { secrets: new Map(), unknown: new Map(unknown) };
}
