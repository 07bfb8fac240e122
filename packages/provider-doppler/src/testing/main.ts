import { parseArgs } from 'node:util';
import { startFakeDoppler } from './fake-doppler.ts';

const usage = `Starts a fake Doppler on 127.0.0.1 with one config, for trying things by hand.

  node --conditions=@hikyaku/source packages/provider-doppler/src/testing/main.ts [options]

  --port 8080            0, the default, is any free port
  --project homelab
  --config prd
  --secret NAME=VALUE    may come several times
  --help
`;

function readArguments() {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '0' },
      project: { type: 'string', default: 'homelab' },
      config: { type: 'string', default: 'prd' },
      secret: { type: 'string', multiple: true, default: ['GREETING=hello'] },
      help: { type: 'boolean', default: false },
    },
  });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`--port ${values.port} is not a port`);
  const secrets = values.secret.map((pair): [string, string] => {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(pair) ?? [];
    if (name === undefined || value === undefined) throw new Error('--secret takes NAME=VALUE');
    return [name, value];
  });
  return { ...values, port, secrets };
}

function readArgumentsOrExit(): ReturnType<typeof readArguments> {
  try {
    return readArguments();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(2);
  }
}

const { help, port, project, config, secrets } = readArgumentsOrExit();
if (help) {
  process.stdout.write(usage);
} else {
  const fake = await startFakeDoppler({ port });
  fake.addConfig(project, config, Object.fromEntries(secrets));
  const token = fake.serviceToken(project, config, { access: 'read/write' });
  process.stdout.write(`url    ${fake.url}
token  ${token}

curl -H 'Authorization: Bearer ${token}' '${fake.url}/v3/configs/config/secrets/download?format=json'
curl -H 'Authorization: Bearer ${token}' -H 'content-type: application/json' -d '{"secrets":{"NAME":"value"}}' '${fake.url}/v3/configs/config/secrets'

Ctrl-C stops it.
`);
}
