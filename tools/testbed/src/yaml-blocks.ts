import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';

export interface YamlBlock {
  /** `docs/install.md:12`: the file below the root, and the line of the fence. */
  readonly where: string;
  readonly text: string;
  /** Its documents; none when it cannot be parsed. */
  readonly documents: readonly unknown[];
}

/** The blocks fenced as YAML of all Markdown files that fit the patterns, in order. Files that do not exist have none. */
export async function yamlBlocks(root: string, patterns: readonly string[]): Promise<readonly YamlBlock[]> {
  const files: string[] = [];
  for await (const file of glob(patterns, { cwd: root })) files.push(file);
  const blocks = await Promise.all(
    files.toSorted().map(async (file) => blocksOf(file, await readFile(join(root, file), 'utf8'))),
  );
  return blocks.flat();
}

function blocksOf(file: string, markdown: string): readonly YamlBlock[] {
  const fence = /^(?<indent>[ \t]*)```ya?ml\b.*\n(?<text>(?:.*\n)*?)\k<indent>```[ \t]*$/gm;
  return [...markdown.matchAll(fence)].map((match) => {
    const { indent = '', text = '' } = match.groups ?? {};
    const line = markdown.slice(0, match.index).split('\n').length;
    const unindented = text.replaceAll(new RegExp(`^${indent}`, 'gm'), '');
    return { where: `${file}:${line}`, text: unindented, documents: documentsOf(unindented) };
  });
}

function documentsOf(text: string): readonly unknown[] {
  const documents = parseAllDocuments(text);
  return documents.some(({ errors }) => errors.length > 0) ? [] : documents.map((document): unknown => document.toJS());
}
