import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createProvider } from './create-provider.ts';
import type { CreatedProvider } from './create-provider.ts';

const USAGE = `Makes the package of a new provider: one that builds, passes the conformance suite and is documented.

  npm run new-provider NAME                        packages/provider-NAME of this repository
  npm run new-provider NAME -- --outside DIR       a package of your own in DIR, named hikyaku-provider-NAME

NAME is what will stand behind \`type:\`, such as nas-box. Nothing that is there is changed. docs/add-a-provider.md says more.
`;

const root = fileURLToPath(new URL('../../..', import.meta.url));

function nextSteps({ name, directory, files }: CreatedProvider, outside: boolean): string {
  const made = `${directory}: ${files.length} files made.`;
  if (outside) {
    return `${made} Next, there:

  npm install          # until hikyaku's packages are published: from tarballs, see docs/add-a-provider.md
  npm test             # the conformance suite, against the fake in src/testing

Then make src/${name.kebab}-client.ts speak to your service, and the fake behave like it.
`;
  }
  return `${made} Next:

  npm install                                     # links it
  npx vitest run --project provider-${name.kebab}      # the conformance suite, against the fake in src/testing

and, so that it ships with the agent, one line in apps/agent/src/providers.ts:

  ${name.kebab.includes('-') ? `'${name.kebab}'` : name.kebab}: () => import('@hikyaku/provider-${name.kebab}'),

Then make src/${name.kebab}-client.ts speak to your service, and the fake behave like it.
`;
}

async function main(): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { outside: { type: 'string' }, help: { type: 'boolean', default: false } },
    });
    const [name] = positionals;
    if (values.help || name === undefined || positionals.length > 1) {
      (values.help ? process.stdout : process.stderr).write(USAGE);
      return values.help ? 0 : 2;
    }
    const { outside } = values;
    // npm runs scripts at the root; a path means where the person stands.
    const from = process.env['INIT_CWD'] ?? process.cwd();
    const options = outside === undefined ? { name, root } : { name, root, outside: resolve(from, outside) };
    process.stdout.write(nextSteps(await createProvider(options), outside !== undefined));
    return 0;
  } catch (error) {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
    return 2;
  }
}

process.exitCode = await main();
