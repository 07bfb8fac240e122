import type { RecipientKeys } from '../sealing/recipients-for.ts';
import type { FirstSource } from './answers.ts';

export const SCHEMA_FILE = 'hikyaku.schema.json';
/** Of the source in a config to start from. */
export const SOURCE = 'homelab';

export interface ClusterConfig {
  readonly source: FirstSource;
  readonly url?: string;
  readonly recipients: readonly RecipientKeys[];
  /** Of Doppler: one age file, armored. */
  readonly sealed: string;
  /** Of SAKURA: id of the service principal, and what the public key of each cluster is called there. */
  readonly servicePrincipal: { readonly id: string; readonly kid: Readonly<Record<string, string>> };
}

/** The config of `init --context`: the same file for every cluster. */
export function clusterConfig(config: ClusterConfig): string {
  return `# yaml-language-server: $schema=./${SCHEMA_FILE}
# The same file for every cluster. Another one: hikyaku init --context CONTEXT, and a commit.
#   hikyaku lint   checks what is sealed, and for whom     hikyaku plan --context CONTEXT   says what would happen there

${recipientsText(config.recipients)}
${providers(config)}
${secrets(config.source)}`;
}

function recipientsText(recipients: readonly RecipientKeys[]): string {
  if (recipients.length === 0) return 'recipients: {}\n';
  const lines = recipients.map((recipient) => `  ${recipientLine(recipient)}\n`);
  return `recipients: # public keys; by its own each agent knows which cluster it is\n${lines.join('')}`;
}

function recipientLine({ name, keys, backup }: RecipientKeys): string {
  const [key = '', ...more] = keys;
  if (more.length > 0) return `${name}: { keys: [${keys.join(', ')}] }`;
  return backup ? `${name}: { key: ${key}, backup: true }` : `${name}: ${key}`;
}

function providers({ source, url, sealed, servicePrincipal }: ClusterConfig): string {
  const place = url === undefined ? '' : `    url: ${scalar(url)}\n`;
  switch (source.type) {
    case 'doppler':
      return `providers:
  ${SOURCE}: # a name of your choice, used by \`from\` below
    type: doppler
${place}    project: ${scalar(source.project)}
    config: ${scalar(source.config)}
    # A read-only service token. Another one: hikyaku seal ${SOURCE}.token
    token:
      sealed: |
${sealed.trimEnd().replaceAll(/^/gm, '        ')}
    refresh: 1m # one small request; nothing is written when nothing changed
`;
    case 'sakura':
      return `providers:
  ${SOURCE}: # a name of your choice, used by \`from\` below
    type: sakura
${place}    vault: ${JSON.stringify(source.vault)}
    servicePrincipal: # nothing secret: each cluster signs with a key of its own
      id: ${JSON.stringify(servicePrincipal.id)}
      kid:
${Object.entries(servicePrincipal.kid)
  .map(([cluster, kid]) => `        ${cluster}: ${JSON.stringify(kid)}\n`)
  .join('')}    refresh: 1m # one small request; nothing is written when nothing changed
`;
    case 'later':
      return `# Where your secrets are kept: docs/config.md. Then, for a token: hikyaku seal NAME.token
providers: {}
#  ${SOURCE}: { type: doppler, project: homelab, config: prd }
`;
  }
}

function secrets(source: FirstSource): string {
  if (source.type === 'later')
    return `secrets: []
#  - { name: app-env, namespace: default, from: ${SOURCE} }
`;
  const { namespace, name } = source.secret;
  return `secrets:
  # Everything that is kept there, as one Secret for \`envFrom\`.
  - name: ${scalar(name)}
    namespace: ${scalar(namespace)}
    from: ${SOURCE}
`;
}

/** Quoted where YAML could take it for something else. */
export function scalar(text: string): string {
  return /^[a-z_][a-z0-9_.-]*$/i.test(text) && !/^(true|false|null|yes|no|on|off)$/i.test(text)
    ? text
    : JSON.stringify(text);
}
