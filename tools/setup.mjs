// Makes a fresh clone ready, then runs an npm script: node tools/setup.mjs [--build] SCRIPT [ARGUMENTS]
// Plain JavaScript without dependencies: it runs on whatever Node the machine has, before anything is installed.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const stampFile = `${root}node_modules/.hikyaku-setup`;
const wanted = createHash('sha256')
  .update(readFileSync(`${root}package-lock.json`))
  .update(process.platform)
  .update(process.arch)
  .digest('hex');

const builds = process.argv[2] === '--build';
const [script = '', ...scriptArguments] = process.argv.slice(builds ? 3 : 2);
if (installed() !== wanted) await install();
if (builds) await build();
process.exitCode = await call('npm', ['run', '--silent', script, '--', ...scriptArguments], 'inherit');

function installed() {
  try {
    return readFileSync(stampFile, 'utf8');
  } catch {
    return undefined;
  }
}

async function install() {
  const started = Date.now();
  const live = process.stderr.isTTY;
  process.stderr.write('Installing dependencies (npm ci): usually 15 to 60 seconds, once.\n');
  const seconds = () => Math.round((Date.now() - started) / 1000);
  const progress = live
    ? setInterval(() => process.stderr.write(`\r  ${seconds()} s`), 1000)
    : setInterval(() => process.stderr.write(`  still installing, ${seconds()} s\n`), 30_000);
  const exitCode = await call('npm', ['ci', '--loglevel=error'], ['ignore', 'ignore', 'inherit']);
  clearInterval(progress);
  if (exitCode !== 0) {
    process.stderr.write('npm ci failed; what it says above tells why. It needs the npm registry once.\n');
    process.exit(exitCode);
  }
  writeFileSync(stampFile, wanted);
  process.stderr.write(`${live ? '\r' : ''}Dependencies installed in ${seconds()} s.\n`);
}

async function build() {
  process.stderr.write('Building (usually 10 seconds; 1 when nothing changed) ...\n');
  const log = `${root}node_modules/.hikyaku-build.log`;
  const file = openSync(log, 'w');
  const exitCode = await call('npm', ['run', '--silent', 'build'], ['ignore', file, file]);
  if (exitCode === 0) return;
  process.stderr.write(`${readFileSync(log, 'utf8')}\nThe build failed; the lines above say why.\n`);
  process.exit(exitCode);
}

function call(command, commandArguments, stdio) {
  return new Promise((resolve) => {
    const child = spawn(command, commandArguments, { cwd: root, stdio });
    // Ctrl-C reaches the child too, which then stops in its own way.
    for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => name === 'SIGTERM' && child.kill(name));
    child.on('error', (error) => {
      process.stderr.write(`${command} cannot be started (${error.code}); Node and npm are needed\n`);
      resolve(1);
    });
    child.on('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 1)));
  });
}
