import { stat } from 'node:fs/promises';
import { recipientNameProblem } from '@hikyaku/config';
import type { Config } from '@hikyaku/config';
import type { CallOptions } from '@hikyaku/core';
import { isKubeError } from '@hikyaku/kube-client';
import type { KubeClient } from '@hikyaku/kube-client';
import { OWN, readPublishedIdentity } from '@hikyaku/kubernetes';
import { identityFiles } from '../../identity/identity-files.ts';
import { whichCluster } from '../../identity/which-cluster.ts';
import { printable } from '../../output/printable.ts';
import { readSecretMeta } from '../../release/find-secrets.ts';
import { sealedFields } from '../../sealing/sealed-fields.ts';
import { UserError } from '../../user-error.ts';
import type { Check } from '../diagnose.ts';
import type { Examination } from '../examination.ts';
import { fileMode } from '../file-mode.ts';
import { fine, found } from '../finding.ts';
import type { Finding } from '../finding.ts';

/** Whether the cluster has an identity, and the config knows it as one of its recipients. */
export const identity: Check = {
  name: 'identity',
  async run(examination, options) {
    const config = await examination.config(options);
    const here = await examination.here(options);
    if (config === undefined || here === undefined) return [];
    const files = examination.inPod ? [] : await openFiles(examination);
    if (config.recipients.size === 0 && sealedFields(config).length === 0) return files;
    const { agent, cluster } = examination;
    const thing = `identity of ${printable(cluster)}`;
    if (here instanceof UserError) {
      const remedy = { advice: 'leave --cluster and HIKYAKU_CLUSTER out, or correct `recipients`' };
      return [found('CLUSTER_UNKNOWN', thing, printable(here.message), remedy), ...files];
    }
    const client = await examination.client(options);
    if (client === undefined) return files;
    const hasKeys = [...config.recipients.values()].some(({ backup, keys }) => !backup && keys.length > 0);
    if (hasKeys && (await stateOf(client, agent, options)) === 'missing') {
      const message = `there is no Secret ${agent}/${OWN.identity}: nothing that is sealed can be opened there`;
      const remedy = { advice: 'start the agent, which makes one; or restore it from your backup' };
      return [found('IDENTITY_MISSING', thing, message, remedy), ...files];
    }
    const name = here.cluster ?? (await publishedAs(config, client, agent, options));
    if (name !== undefined) return [fine(thing, `is ${printable(name)} under recipients`), ...files];
    return [
      found('CLUSTER_UNKNOWN', thing, 'its public key is none of those under recipients', adding(examination)),
      ...files,
    ];
  },
};

function adding({ cluster, lines }: Examination): { readonly advice: string; readonly command: string } {
  const name = recipientNameProblem(cluster) === undefined ? cluster : 'NAME';
  return {
    advice: 'add it, which seals everything to it too; then commit and push',
    command: lines.hikyaku(`recipients add ${name}`),
  };
}

/** `unseen`: it may not be looked at, and the ConfigMap beside it says enough. */
async function stateOf(
  client: KubeClient,
  agent: string,
  options: CallOptions,
): Promise<'there' | 'missing' | 'unseen'> {
  try {
    await readSecretMeta(client, `${agent}/${OWN.identity}`, options);
    return 'there';
  } catch (error) {
    if (!isKubeError(error) || (error.code !== 'NOT_FOUND' && error.code !== 'FORBIDDEN')) throw error;
    return error.code === 'NOT_FOUND' ? 'missing' : 'unseen';
  }
}

async function publishedAs(
  { recipients }: Config,
  client: KubeClient,
  agent: string,
  options: CallOptions,
): Promise<string | undefined> {
  const published = await readPublishedIdentity(client, { agent }, options);
  return published && whichCluster(published.recipients, { recipients });
}

/** A person's own keys, which others on the machine could read. */
async function openFiles({ options, edge }: Examination): Promise<readonly Finding[]> {
  const modes = await Promise.all(
    identityFiles(options, edge).map(async ({ path }) => ({
      path,
      mode: (await stat(path).catch(() => undefined))?.mode,
    })),
  );
  return modes.flatMap(({ path, mode }) => (mode === undefined ? [] : fileMode(path, mode)));
}
