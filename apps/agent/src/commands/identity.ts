import { access } from 'node:fs/promises';
import type { Config, Recipient } from '@hikyaku/config';
import { TargetError } from '@hikyaku/engine';
import type { KubeClient } from '@hikyaku/kube-client';
import { readPublishedIdentity } from '@hikyaku/kubernetes';
import type { Access } from '@hikyaku/kubernetes';
import { fingerprintOf, generateIdentity, isRecipient } from '@hikyaku/sealing';
import { openKube } from '../connect-cluster.ts';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import { IdentityEntries } from '../identity/identity-entries.ts';
import { openedOnlyBy } from '../identity/opened-only-by.ts';
import { requireCommitted } from '../identity/require-committed.ts';
import type { LoadConfigOptions } from '../load-config-file.ts';
import { identityText, prunedText, rotatedText } from '../output/identity-text.ts';
import { styleFor } from '../output/style.ts';
import { ownNamespace } from '../own-namespace.ts';
import { recipientValue } from '../sealing/recipients-change.ts';
import { SealedConfig } from '../sealing/sealed-config.ts';
import { editToSet } from '../sealing/sealed-edits.ts';
import { StagedFiles } from '../sealing/sealed-files.ts';
import { UserError } from '../user-error.ts';
import { confirmOrStop } from '../writing/confirm.ts';

export type IdentityCommandOptions = LoadConfigOptions & { readonly yes?: boolean };

/** Shows the public key of a cluster, and whether anything can be sealed to it. */
export async function identity(options: IdentityCommandOptions, edge: Edge): Promise<ExitCode> {
  const { client, context, access: agent } = contextOf(options, edge);
  try {
    const config = (await exists(options.config)) ? (await SealedConfig.read(options, edge)).config : undefined;
    const held = await readEntries(client, agent, edge);
    // Whoever may write ConfigMaps there may have written anything.
    const published = ((await readPublishedIdentity(client, agent, edge))?.recipients ?? []).filter(isRecipient);
    const keys = held?.keys ?? published;
    const recipient = config && ownerOf(config, keys);
    const shown = {
      cluster: context,
      secret: `${agent.agent}/hikyaku-identity`,
      ...(held && { entries: held.entries.map(({ name }) => name) }),
      keys,
      published,
      ...(recipient && { recipient }),
    };
    if (keys.length === 0) throw noIdentity(context, shown.secret);
    edge.stdout.write(
      options.json
        ? `${JSON.stringify({ ...shown, fingerprints: keys.map(fingerprintOf), recipient: recipient?.name }, null, 2)}\n`
        : identityText(shown, config && options.config, styleFor(edge, edge.stdout)),
    );
    return EXIT.fine;
  } finally {
    await client.close();
  }
}

/** Adds a second key to the identity of a cluster and to its recipient in the config. Drops nothing; goes on where it was interrupted. */
export async function rotateIdentity(options: IdentityCommandOptions, edge: Edge): Promise<ExitCode> {
  const { client, context, access: agent } = contextOf(options, edge);
  try {
    const before = await SealedConfig.read(options, edge);
    const held = await IdentityEntries.read(client, agent, edge);
    const recipient = requireOwner(before.config, held, context, options);
    // One that the config does not have yet is what an earlier call made; two that it has are not through yet.
    const isBegun = held.entries.length > 1 || held.keys.some((key) => !recipient.keys.includes(key));
    if (!isBegun) await held.add((await generateIdentity()).file, new Date(), edge);
    await held.publish(edge);
    const keys = [...new Set([...held.keys, ...recipient.keys])];
    const files = await writeKeys(before, recipient, keys);
    const changed = { cluster: context, recipient: recipient.name, keys, files };
    edge.stdout.write(
      options.json
        ? `${JSON.stringify({ ...changed, fingerprints: keys.map(fingerprintOf), made: !isBegun }, null, 2)}\n`
        : rotatedText(changed, !isBegun, styleFor(edge, edge.stdout)),
    );
    return EXIT.fine;
  } finally {
    await client.close();
  }
}

/** Drops the older keys of a cluster, once its newest one opens all that they open. */
export async function pruneIdentity(options: IdentityCommandOptions, edge: Edge): Promise<ExitCode> {
  const { client, context, access: agent } = contextOf(options, edge);
  try {
    const before = await SealedConfig.read(options, edge);
    const held = await IdentityEntries.read(client, agent, edge);
    const recipient = requireOwner(before.config, held, context, options);
    const [current, ...older] = held.entries;
    if (current === undefined) throw noIdentity(context, held.id);
    const dropped = [...new Set([...held.keys, ...recipient.keys])].filter((key) => !current.keys.includes(key));
    if (!current.keys.some((key) => recipient.keys.includes(key)))
      throw new UserError(
        `${options.config} does not have the newest key of ${context}: hikyaku identity rotate adds it`,
        EXIT.failed,
      );
    if (older.length > 0) {
      const lists = { older: older.flatMap((one) => one.identities), newer: current.identities };
      refuseInUse(await openedOnlyBy(before.config, lists, edge), recipient);
      await requireCommitted(options.config, edge);
      const question = `Drop ${dropped.map(fingerprintOf).join(', ')} from ${context}? Its agent must run with this revision of ${options.config} already.`;
      if (options.yes !== true) await confirmOrStop(question, edge);
      await held.remove(
        older.map(({ name }) => name),
        edge,
      );
    }
    await held.publish(edge);
    const files = await writeKeys(before, recipient, current.keys);
    const changed = { cluster: context, recipient: recipient.name, keys: current.keys, files };
    edge.stdout.write(
      options.json
        ? `${JSON.stringify({ ...changed, dropped, fingerprints: current.keys.map(fingerprintOf) }, null, 2)}\n`
        : prunedText(changed, dropped, styleFor(edge, edge.stdout)),
    );
    return EXIT.fine;
  } finally {
    await client.close();
  }
}

function contextOf(
  options: IdentityCommandOptions,
  edge: Edge,
): { readonly client: KubeClient; readonly context: string; readonly access: Access } {
  const { client, loaded } = openKube(options, edge);
  return { client, context: loaded.context, access: { agent: ownNamespace(options, edge), proof: 'look' } };
}

/** `undefined` where the Secret may not be read. */
async function readEntries(client: KubeClient, agent: Access, edge: Edge): Promise<IdentityEntries | undefined> {
  try {
    return await IdentityEntries.read(client, agent, edge);
  } catch (error) {
    if (error instanceof TargetError && error.code === 'FORBIDDEN') return undefined;
    throw error;
  }
}

function ownerOf({ recipients }: Config, keys: readonly string[]): Recipient | undefined {
  return [...recipients.values()].find((recipient) => recipient.keys.some((key) => keys.includes(key)));
}

function requireOwner(
  config: Config,
  { keys, id }: IdentityEntries,
  context: string,
  options: IdentityCommandOptions,
): Recipient {
  const [key] = keys;
  if (key === undefined) throw noIdentity(context, id);
  const owner = ownerOf(config, keys);
  if (owner === undefined)
    throw new UserError(
      `no recipient in ${options.config} has the key of ${context}: hikyaku recipients add NAME ${key}`,
      EXIT.failed,
    );
  const [newest = ''] = owner.keys;
  if (keys.includes(newest)) return owner;
  throw new UserError(
    `the newest key of "${owner.name}" in ${options.config} (${fingerprintOf(newest)}) is not in ${context}. Was Secret ${id} put back from a backup? Put the newer one back, or take that key out of the config`,
    EXIT.failed,
  );
}

function noIdentity(context: string, id: string): UserError {
  return new UserError(
    `there is no identity in ${context} (Secret ${id}): the agent makes one when it starts`,
    EXIT.failed,
  );
}

function refuseInUse(fields: Awaited<ReturnType<typeof openedOnlyBy>>, { name }: Recipient): void {
  if (fields.length === 0) return;
  const lines = fields.map((field) => {
    const { file, line } = field.sealed.position;
    return `only an older key of "${name}" opens ${field.name} (${file}:${line})`;
  });
  const remedy = 'nothing was changed: hikyaku rewrap, commit, push, and try again when the cluster has it';
  throw new UserError([...lines, remedy].join('\n'), EXIT.failed);
}

/** Gives the files that were written. */
async function writeKeys(
  before: SealedConfig,
  recipient: Recipient,
  keys: readonly string[],
): Promise<readonly string[]> {
  if (recipient.keys.join() === keys.join()) return [];
  const { name, position } = recipient;
  const value = recipientValue({ ...recipient, keys });
  const changes = before.changesTo(await before.with([editToSet(position.file, ['recipients', name], value)]));
  await using files = await StagedFiles.of(changes);
  await files.putInPlace();
  return changes.map(({ path }) => path);
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
