import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { ensureReferenceTool } from '../../../tools/reference-tools/src/ensure-reference-tool.ts';
import { shell } from '../../../tools/testbed/src/shell.ts';
import { transcriptIn } from '../../../tools/testbed/src/transcript.ts';
import { SealDesk } from './seal.test.kit.ts';

// docs/seal.md is one story: its commands run here one after the other, and say what it shows.

const root = fileURLToPath(new URL('../../..', import.meta.url));

const CONFIG = `recipients: {}
providers:
  doppler:
    type: doppler
    project: homelab
    config: prd
secrets:
  - { name: web-env, namespace: web, from: doppler }
`;

/** Keys and days are others each time; so is the width of a table. */
function withoutChance(output: string): string {
  return output
    .replaceAll(/\b[0-9a-f]{24}\b/g, 'FINGERPRINT')
    .replaceAll(/\d{4}-\d\d-\d\d/g, 'DATE')
    .replaceAll(/^ +(?=\d+$)/gm, '');
}

/** Programs that a person may have. */
async function programs(folder: string): Promise<string> {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  const scripts = {
    hikyaku: `exec '${process.execPath}' '${join(root, 'apps/agent/dist/hikyaku.js')}' "$@"`,
    pass: 'echo dp.st.prd.made-for-doc',
    kubectl: 'grep -c "^  age.agekey: |$" > /dev/null && echo secret/hikyaku-identity created',
    age: `exec '${await ensureReferenceTool('age')}' "$@"`,
  };
  for (const [name, script] of Object.entries(scripts)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(bin, name), 0o700);
  }
  return bin;
}

test('docs/seal.md shows what its commands say', async () => {
  await using desk = await SealDesk.open(CONFIG);
  const bin = await programs(desk.folder);
  const page = await readFile(join(root, 'docs/seal.md'), 'utf8');
  const blocks = [...page.matchAll(/^```console\n([^]*?)^```$/gm)];
  const shown = blocks.flatMap(([, block = '']) => transcriptIn(block));
  expect(shown.length).toBeGreaterThan(8);
  const env = { HOME: desk.folder, PATH: `${bin}:${process.env['PATH']}` };
  for (const { command, output } of shown) {
    const said = await shell(command, { cwd: desk.folder, env, mayFail: true });
    expect({ command, output: withoutChance(said) }).toEqual({ command, output: withoutChance(output) });
  }
});
