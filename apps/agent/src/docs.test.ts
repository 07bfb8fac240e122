import { glob, readFile, stat } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { runCommandLine } from './cli.ts';
import type { Edge } from './edge.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const BLOCK = /^(?<indent> *)```.*\n[\s\S]*?^\k<indent>```$/gm;
const pages = await readPages(['*.md', 'docs/**/*.md', 'examples/**/*.md', '{packages,apps,tools}/*/README.md']);

test('every relative link leads to a file, and to a heading of it', async () => {
  const links = [...pages].flatMap(([page, text]) =>
    [...withoutCode(text).matchAll(/\]\((?![a-z]+:)([^)\s]+)\)/g)].map(([, link = '']) => ({ page, link })),
  );
  expect(links.length).toBeGreaterThan(300);
  const broken: string[] = [];
  for (const { page, link } of links) {
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? page : normalize(join(dirname(page), path));
    const exists = await stat(join(root, target)).then(
      () => true,
      () => false,
    );
    if (!exists || (anchor !== undefined && !anchorsOf(pages.get(target) ?? '').has(anchor)))
      broken.push(`${page}: ${link}`);
  }
  expect(broken).toEqual([]);
});

test('every command line has a command and options that there are', async () => {
  const lines = [...pages].flatMap(([page, text]) => commandLines(text).map((line) => ({ page, line })));
  expect(lines.length).toBeGreaterThan(200);
  const wrong: string[] = [];
  for (const { page, line } of lines) {
    const words = line.trim().split(/\s+/);
    const help = await helpFor(words);
    const flags = words.map((word) => /^--?[a-z][a-z-]*/.exec(word)?.[0]).filter((flag) => flag !== undefined);
    const isKnown = (flag: string) => flag === '--help' || help?.flags.has(flag) === true;
    if (help === undefined || !flags.every(isKnown)) wrong.push(`${page}: hikyaku ${line}`);
  }
  expect(wrong).toEqual([]);
});

test('every page, decision, command and flag of run is in its list', async () => {
  const topics = [...pages.keys()].filter((page) => /^docs\/[^/]+\.md$/.test(page) && !page.endsWith('.ja.md'));
  const { commands } = await readHelp([]);
  const { flags } = await readHelp(['run']);
  const lists = {
    'README.md': [...topics, ...commands],
    'README.ja.md': [...topics.filter((page) => !pages.has(page.replace('.md', '.ja.md'))), ...commands],
    'docs/decisions/README.md': [...pages.keys()].flatMap((page) => /^docs\/decisions\/(\d.*)/.exec(page)?.[1] ?? []),
    'docs/operate.md': [...flags].filter((flag) => /^--(?!help|version|json)/.test(flag)),
  };
  const missing = Object.entries(lists).flatMap(([page, names]) =>
    names.filter((name) => !listed(pages.get(page) ?? '', name)).map((name) => `${page}: ${name}`),
  );
  expect(missing).toEqual([]);
});

/** As the target of a link, or as code, alone or behind `hikyaku`. */
function listed(text: string, name: string): boolean {
  return name.endsWith('.md') ? text.includes(`](${name})`) : new RegExp(`\`(?:hikyaku )?${name}[\` ]`).test(text);
}

async function readPages(patterns: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for await (const path of glob(patterns, { cwd: root })) found.set(path, await readFile(join(root, path), 'utf8'));
  return found;
}

function withoutCode(text: string): string {
  return text.replaceAll(BLOCK, '').replaceAll(/`[^`\n]*`/g, '');
}

/** As GitHub makes them of headings. */
function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of text.replaceAll(BLOCK, '').matchAll(/^#{1,6} +(.*)$/gm)) {
    const anchor = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{M}\p{N} _-]/gu, '')
      .replaceAll(' ', '-');
    let number = 0;
    while (anchors.has(number === 0 ? anchor : `${anchor}-${number}`)) number += 1;
    anchors.add(number === 0 ? anchor : `${anchor}-${number}`);
  }
  return anchors;
}

/** What stands behind `hikyaku`, in blocks and in the text, up to a pipe, a redirection, the next command or a comment; and the `args` of a Deployment. */
function commandLines(text: string): readonly string[] {
  const behind = String.raw`(?:npx )?hikyaku (?=[a-z-])([^\x60|>#;&)\n…·]+)`;
  const blocks = [...text.matchAll(BLOCK)].map(([block]) => block).join('\n');
  const typed = blocks.matchAll(new RegExp(String.raw`(?:^ *(?:\$ )?|\| |<\(|exec |; |&& )${behind}`, 'gm'));
  // What begins so and is a message.
  const inline = text.replaceAll(BLOCK, '').matchAll(new RegExp(`\`(?!hikyaku (?:is|needs|stopped) )${behind}`, 'g'));
  const args = text.matchAll(/args: \[([^\]]+)\]/g);
  return [
    ...[...typed, ...inline].map(([, line = '']) => line),
    ...[...args].map(([, list = '']) => list.replaceAll(/[',]/g, ' ')),
  ];
}

interface Help {
  readonly commands: ReadonlySet<string>;
  readonly flags: ReadonlySet<string>;
}

const helps = new Map<string, Promise<Help>>();

/** Of the command that these words call; `undefined` when there is none. */
async function helpFor(words: readonly string[]): Promise<Help | undefined> {
  const path: string[] = [];
  let help = await readHelp(path);
  for (const word of words) {
    if (!help.commands.has(word)) break;
    path.push(word);
    help = await readHelp(path);
  }
  return path.length > 0 || words[0]?.startsWith('-') === true ? help : undefined;
}

async function readHelp(path: readonly string[]): Promise<Help> {
  const key = path.join(' ');
  const help = helps.get(key) ?? askForHelp(path);
  helps.set(key, help);
  return await help;
}

async function askForHelp(path: readonly string[]): Promise<Help> {
  const stdout = new PassThrough();
  const edge: Edge = {
    env: {},
    stdin: new PassThrough(),
    stdout,
    stderr: new PassThrough(),
    signal: new AbortController().signal,
  };
  await runCommandLine([...path, '--help'], edge);
  const text = String(stdout.read());
  const lists = [...text.matchAll(/^([A-Z].*):\n((?: {2}.*\n)+)/gm)];
  const commands = lists.flatMap(([, title = '', list = '']) =>
    /^(?:Options|Global Options|Arguments|Examples)$/.test(title) ? [] : list,
  );
  return {
    commands: new Set([...commands.join('').matchAll(/^ {2}(?!help)([a-z]+)/gm)].map(([, name = '']) => name)),
    flags: new Set(
      [...text.matchAll(/^ {2}(?:(-[a-z]), )?(--[a-z-]+)/gm)].flatMap(([, short = '', long = '']) => [short, long]),
    ),
  };
}
