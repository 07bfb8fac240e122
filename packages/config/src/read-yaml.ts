import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Document, Node, YAMLError, YAMLMap } from 'yaml';
import type { Position } from './config.ts';
import { kindOf } from './place.ts';
import type { Path, Place } from './place.ts';
import { problemAt, problemAtKey } from './problem.ts';
import type { Problem } from './problem.ts';

/** A file as the config reader takes it. */
export interface ConfigFile {
  /** As problems should name it. */
  readonly path: string;
  readonly text: string;
}

export const LARGEST_BYTES = 1024 * 1024;
const DEEPEST = 32;
// One mistake can make every line after it unreadable.
const MOST_SYNTAX_PROBLEMS = 20;

const SMALLEST_CONFIG =
  'a smallest config is `providers: { doppler: { type: doppler, project: p, config: prd } }` with `secrets: [{ name: s, namespace: n, from: doppler }]`';

/**
 * Reads one YAML 1.2 document strictly and without its conveniences: no aliases, tags or merge keys, so that the size of the
 * text bounds the size of the data and every value has one place. Without a `root` the file says nothing that can be used.
 */
export function readYaml(
  { path, text }: ConfigFile,
  whenEmpty = SMALLEST_CONFIG,
): { readonly root?: Place; readonly problems: readonly Problem[] } {
  const lineCounter = new LineCounter();
  const fileProblem = (message: string, suggestion?: string, offset = 0): Problem => ({
    ...positionAt(offset),
    path: '',
    message,
    ...(suggestion !== undefined && { suggestion }),
  });
  function positionAt(offset: number): Position {
    const { line, col } = offset === 0 ? { line: 1, col: 1 } : lineCounter.linePos(offset);
    return { file: path, line, column: col };
  }

  if (Buffer.byteLength(text) > LARGEST_BYTES) return { problems: [tooLarge(path)] };
  const source = text.startsWith('\uFEFF') ? text.slice(1) : text;
  // Nothing else is said of such a file: a message could name the word that is one.
  const privateKeys = findPrivateKeys(path, source);
  if (privateKeys.length > 0) return { problems: privateKeys };

  let document: Document.Parsed;
  try {
    document = parseDocument(source, {
      version: '1.2',
      schema: 'core',
      merge: false,
      strict: true,
      prettyErrors: false, // they quote the line, which may hold a secret
      uniqueKeys: false, // quadratic, and it cannot say where the first one stands: see below
      logLevel: 'error', // `silent` hides a second document
      lineCounter,
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { problems: [fileProblem('the file is nested too deeply')] };
  }

  const syntaxProblems = new Map<number, Problem>();
  for (const error of document.errors) {
    if (syntaxProblems.size === MOST_SYNTAX_PROBLEMS) break;
    const { message, suggestion } = describeSyntaxError(error);
    const problem = fileProblem(message, suggestion, error.pos[0]);
    if (!syntaxProblems.has(problem.line)) syntaxProblems.set(problem.line, problem);
  }
  if (syntaxProblems.size > 0) return { problems: [...syntaxProblems.values()] };

  const yamlVersion = document.directives.yaml;
  if (yamlVersion.explicit === true && yamlVersion.version !== '1.2') {
    return { problems: [fileProblem('the file asks for another YAML than 1.2', 'remove the `%YAML` line')] };
  }
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    return { problems: [fileProblem('the file is empty', whenEmpty)] };
  }

  const problems: Problem[] = [];
  const start = positionAt(document.contents.range[0]);
  return { root: makePlace(document.contents, [], start), problems };

  function makePlace(node: unknown, placePath: Path, keyPosition: Position): Place {
    const position = startOf(node) ?? keyPosition;
    const broken = {
      file: path,
      path: placePath,
      value: undefined,
      position,
      keyPosition,
      children: new Map(),
      whole: false,
    };
    if (node === null) return { ...broken, value: null, whole: true };
    if (isAlias(node)) {
      problems.push(
        problemAt(
          broken,
          'YAML aliases (`*`) are not supported',
          'a value that starts with `*` needs quotes; anything else, write it out',
        ),
      );
      return broken;
    }
    if (hasTag(node)) {
      const tagged = { ...broken, position: tagOf(node) ?? position };
      problems.push(
        problemAt(tagged, 'YAML tags (`!`) are not supported', 'a value that starts with `!` needs quotes'),
      );
      return broken;
    }
    if (isScalar(node)) return { ...broken, value: node.value, whole: true };
    if (placePath.length > DEEPEST) {
      problems.push(problemAt(broken, 'nested too deeply'));
      return broken;
    }
    if (isSeq(node)) {
      const items = node.items.map((item, index) => makePlace(item, [...placePath, index], dashOf(item) ?? position));
      return {
        ...broken,
        value: items.map(({ value }) => value),
        children: new Map(items.map((item, index) => [index, item])),
        whole: items.every(({ whole }) => whole),
      };
    }
    return isMap(node) ? makeMapping(node, broken) : broken;
  }

  function makeMapping(node: YAMLMap, broken: Place): Place {
    const children = new Map<string, Place>();
    let whole = true;
    for (const { key, value } of node.items) {
      const keyPosition = startOf(key) ?? broken.position;
      const refuse = (word: string, message: string, suggestion?: string): void => {
        whole = false;
        problems.push(problemAtKey({ ...broken, path: [...broken.path, word], keyPosition }, message, suggestion));
      };
      if (!isScalar(key) || hasTag(key)) {
        refuse('?', 'a key must be text', 'put it in quotes');
        continue;
      }
      const word = key.value;
      if (typeof word !== 'string') {
        refuse(key.source ?? '?', `a key must be text, got ${kindOf(word)}`, 'put it in quotes');
        continue;
      }
      const first = children.get(word);
      if (word === '<<' && key.type === 'PLAIN')
        refuse(word, 'YAML merge keys (`<<`) are not supported', 'write it out');
      else if (word === '__proto__') refuse(word, 'this key is not allowed');
      else if (first !== undefined)
        refuse(word, `\`${word}\` stands here twice: first in line ${first.keyPosition.line}`, 'remove one');
      else children.set(word, makePlace(value, [...broken.path, word], keyPosition));
    }
    return {
      ...broken,
      value: Object.fromEntries([...children].map(([key, child]) => [key, child.value])),
      children,
      whole: whole && [...children.values()].every((child) => child.whole),
    };
  }

  /** An empty item has no start; where it ends is still on the line of its dash. */
  function dashOf(item: unknown): Position | undefined {
    return startOf(item) ?? (isNode(item) && item.range ? positionAt(item.range[0]) : undefined);
  }

  function startOf(node: unknown): Position | undefined {
    const range = isNode(node) ? node.range : undefined;
    // An empty scalar (`key:` and nothing) starts where the parser gave up, which tells a reader nothing.
    return range === undefined || range === null || range[0] === range[1] ? undefined : positionAt(range[0]);
  }
  function tagOf(node: Node): Position | undefined {
    if (!node.range) return undefined;
    let offset = source.lastIndexOf('!', node.range[0]);
    while (source[offset - 1] === '!') offset -= 1;
    return positionAt(Math.max(offset, 0));
  }
}

export function tooLarge(file: string): Problem {
  return {
    file,
    line: 1,
    column: 1,
    path: '',
    message: 'the file is larger than 1 MiB',
    suggestion: 'split it into a directory of files',
  };
}

/** Private keys of age, also in comments: whoever has read the file has them. */
function findPrivateKeys(file: string, text: string): readonly Problem[] {
  return text.split('\n').flatMap((line, index) => {
    const found = line.indexOf('AGE-SECRET-KEY-');
    if (found === -1) return [];
    return {
      file,
      line: index + 1,
      column: found + 1,
      path: '',
      message: 'a private key of age stands here, and whoever could read the file has it',
      suggestion:
        'revoke it: make another, put its public key under `recipients`, and replace every credential that this one could open',
    };
  });
}

function hasTag(node: unknown): node is Node & { readonly tag: string } {
  return isNode(node) && 'tag' in node && node.tag !== undefined;
}

/** Says what is wrong in our own words: those of the parser may quote the file. */
function describeSyntaxError({ code, message }: YAMLError): { readonly message: string; readonly suggestion?: string } {
  switch (code) {
    case 'TAB_AS_INDENT':
      return { message: 'YAML does not allow tabs as indentation', suggestion: 'use spaces' };
    case 'MULTIPLE_DOCS':
      return {
        message: 'a second YAML document starts here',
        suggestion: 'one file holds one document: use a directory of files',
      };
    case 'BAD_ALIAS':
      return {
        message: 'YAML aliases (`*`) and anchors (`&`) are not supported',
        suggestion: 'a value that starts with `*` or `&` needs quotes',
      };
    case 'BAD_SCALAR_START':
      return { message: 'a value cannot start with this character', suggestion: 'put the value in quotes' };
    case 'BLOCK_AS_IMPLICIT_KEY':
      return { message: 'a second `:` in one line', suggestion: 'put the value in quotes, or start a new line' };
    case 'MULTILINE_IMPLICIT_KEY':
    case 'KEY_OVER_1024_CHARS':
      return { message: 'a key must stand on one line, with its `:`' };
    case 'BAD_DQ_ESCAPE':
      return {
        message: 'an unknown escape in a text in double quotes',
        suggestion: 'write `\\\\` for a backslash, or use single quotes',
      };
    case 'MISSING_CHAR':
      return {
        message:
          MISSING.find(([start]) => message.startsWith(start))?.[1] ??
          'the line cannot be read as YAML: something is missing',
      };
    case 'BAD_INDENT':
      return message.startsWith('Flow')
        ? { message: 'a `[` or `{` is not closed, or its lines are not indented more than its key' }
        : { message: 'the indentation does not fit what stands above' };
    case 'RESOURCE_EXHAUSTION':
      return { message: 'nested too deeply' };
    default:
      return { message: 'the line cannot be read as YAML', suggestion: 'check brackets and quotes' };
  }
}

const MISSING: readonly (readonly [start: string, message: string])[] = [
  ['Implicit map keys need to be followed', 'a key must be followed by `:` and a space'],
  ["Missing closing 'quote", 'a single quote is not closed'],
  ['Missing closing "quote', 'a double quote is not closed'],
  ['Missing , ', 'a `,` is missing'],
  ['Missing space after :', 'a space is missing after the `:`'],
  ['Comments must be separated', 'a space is missing before the `#`'],
  ['Sequence item without - indicator', 'an item of a list must start with `- `'],
];
