import { parseArgs } from 'node:util';
import { startFakeSakura } from './fake-sakura.ts';

const usage = `Starts a fake SAKURA Cloud Secret Manager on 127.0.0.1 with one vault, for trying things by hand.

  node --conditions=@hikyaku/source packages/provider-sakura/src/testing/main.ts [options]

  --port 8080            0, the default, is any free port
  --vault 110000000000
  --secret NAME=VALUE    may come several times
  --per-minute 100       the quota; beyond it the answer is 429
  --mock                 with the quirks of SAKURA's own mock
  --help
`;

function readArguments() {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '0' },
      vault: { type: 'string', default: '110000000000' },
      secret: { type: 'string', multiple: true, default: ['GREETING=hello'] },
      'per-minute': { type: 'string' },
      mock: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`--port ${values.port} is not a port`);
  if (!/^\d{12}$/.test(values.vault)) throw new Error('--vault takes 12 digits');
  const perMinute = values['per-minute'] === undefined ? undefined : Number(values['per-minute']);
  if (perMinute !== undefined && !(Number.isInteger(perMinute) && perMinute > 0))
    throw new Error('--per-minute takes a whole number from 1');
  const secrets = values.secret.map((pair): [string, string] => {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(pair) ?? [];
    if (name === undefined || value === undefined) throw new Error('--secret takes NAME=VALUE');
    return [name, value];
  });
  return { ...values, port, perMinute, secrets };
}

function readArgumentsOrExit(): ReturnType<typeof readArguments> {
  try {
    return readArguments();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(2);
  }
}

const { help, port, vault, perMinute, mock, secrets } = readArgumentsOrExit();
if (help) {
  process.stdout.write(usage);
} else {
  const fake = await startFakeSakura({ port, mock, ...(perMinute !== undefined && { perMinute }) });
  fake.addVault({ id: vault, secrets: Object.fromEntries(secrets) });
  const { accessToken, accessTokenSecret } = fake.addKey();
  const below = `${fake.url}/secretmanager/vaults/${vault}/secrets`;
  process.stdout.write(`url                ${fake.url}
vault              ${vault}
accessToken        ${accessToken}
accessTokenSecret  ${accessTokenSecret}

export SAKURA_ACCESS_TOKEN=${accessToken} SAKURA_ACCESS_TOKEN_SECRET=${accessTokenSecret}
curl -u "$SAKURA_ACCESS_TOKEN:$SAKURA_ACCESS_TOKEN_SECRET" '${below}'
curl -u "$SAKURA_ACCESS_TOKEN:$SAKURA_ACCESS_TOKEN_SECRET" -H 'content-type: application/json' -d '{"Secret":{"Name":"NAME","Value":"value"}}' '${below}'
curl -u "$SAKURA_ACCESS_TOKEN:$SAKURA_ACCESS_TOKEN_SECRET" -H 'content-type: application/json' -d '{"Secret":{"Name":"NAME"}}' '${below}/unveil'

Ctrl-C stops it.
`);
}
