import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { OWN, StatusObject } from '@hikyaku/kubernetes';
import { isKubeError } from '@hikyaku/kube-client';
import { ConfigError } from '../../load-config-file.ts';
import { count } from '../../output/count.ts';
import { printable } from '../../output/printable.ts';
import { shellWord } from '../../output/shell-word.ts';
import type { Check } from '../diagnose.ts';
import type { Examination } from '../examination.ts';
import { fine, found } from '../finding.ts';
import type { Finding } from '../finding.ts';

/** Whether the config is good, and whether it is the one that the agent goes by. */
export const config: Check = {
  name: 'config',
  async run(examination, options) {
    const granted = await examination.granted(options);
    if (granted === undefined) return [];
    const { options: given, lines } = examination;
    const path = given.configMap === true ? `ConfigMap ${examination.agent}/${OWN.config}` : printable(given.config);
    if (granted instanceof ConfigError) {
      return granted.problems.map(({ file, line, column, path: at, message, suggestion }) =>
        found('CONFIG_INVALID', `${printable(file)}:${line}:${column}`, printable(at ? `${at}: ${message}` : message), {
          advice: printable(suggestion ?? 'correct it'),
          command: lines.hikyaku('validate'),
        }),
      );
    }
    const { sources, secrets, pushes } = granted.config;
    const parts = [count(secrets.length, 'Secret'), count(sources.size, 'source')];
    if (pushes.length > 0) parts.push(pushes.length === 1 ? '1 push' : `${pushes.length} pushes`);
    return [fine(`config ${path}`, parts.join(', ')), ...(await inForce(examination, options))];
  },
};

/** What the agent says of it; nothing where it has said nothing yet, which is for another check to say. */
async function inForce(examination: Examination, options: Parameters<Check['run']>[1]): Promise<readonly Finding[]> {
  const client = await examination.client(options);
  if (client === undefined || (await examination.isAgent(options))) return [];
  const { agent, lines } = examination;
  const status = await new StatusObject(client, { agent, proof: 'look' }).read(options).catch((error: unknown) => {
    if (isKubeError(error) && error.code === 'FORBIDDEN') return undefined;
    throw error;
  });
  if (status === undefined) return [];
  const { problem, digest } = status.config;
  const thing = `config of the agent ${agent}`;
  if (typeof problem === 'string') {
    return [
      found(
        'CONFIG_REFUSED',
        thing,
        `the one that is there is refused, and the last good one goes on: ${printable(problem)}`,
        {
          advice: 'correct it, and apply it again; the agent looks every minute',
          command: lines.hikyaku('validate'),
        },
      ),
    ];
  }
  const files = await examination.files(options);
  if (files === undefined) return [];
  const here = createHash('sha256').update(JSON.stringify(files.files.map(({ text }) => text)));
  if (digest === '' || here.digest('hex').slice(0, 16) === digest) return [fine(thing, 'the same as the one at hand')];
  return [
    found('CONFIG_DIFFERS', thing, 'another one than the one at hand', {
      advice: 'commit and push it where Git applies it; by hand',
      command: applyConfig(examination),
    }),
  ];
}

function applyConfig({ options, agent, lines }: Examination): string {
  const isDirectory = statSync(options.config, { throwIfNoEntry: false })?.isDirectory() === true;
  const file = isDirectory ? options.config : `hikyaku.yaml=${options.config}`;
  const make = `create configmap ${OWN.config} --namespace ${agent} --from-file=${shellWord(file)} --dry-run=client -o yaml`;
  return `${lines.kubectl(make)} | ${lines.kubectl('apply -f -')}`;
}
