import { spawn } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { ensureReferenceTool } from '../../../tools/reference-tools/src/ensure-reference-tool.ts';
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

interface Transcript {
  readonly command: string;
  readonly output: string;
}

function transcriptsIn(page: string): readonly Transcript[] {
  const blocks = [...page.matchAll(/^```console\n([^]*?)^```$/gm)].map(([, block = '']) => block);
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((part) => {
        const [command = '', ...lines] = part.split('\n');
        return { command, output: lines.join('\n') };
      }),
  );
}

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

async function inShell(command: string, cwd: string, bin: string): Promise<string> {
  const env = { HOME: cwd, PATH: `${bin}:${process.env['PATH']}` };
  const child = spawn('sh', ['-c', `{ ${command}\n} 2>&1`], { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] });
  return await text(child.stdout);
}

test('docs/seal.md shows what its commands say', async () => {
  await using desk = await SealDesk.open(CONFIG);
  const bin = await programs(desk.folder);
  const transcripts = transcriptsIn(await readFile(join(root, 'docs/seal.md'), 'utf8'));
  expect(transcripts.length).toBeGreaterThan(8);
  for (const { command, output } of transcripts) {
    const said = await inShell(command, desk.folder, bin);
    expect({ command, output: withoutChance(said) }).toEqual({ command, output: withoutChance(output) });
  }
});
