import { isAlias, isMap, isNode, isScalar, isSeq, parseDocument } from 'yaml';
import type { Document, Node, Pair, Scalar, YAMLError, YAMLMap } from 'yaml';
import { lineCounter, Malformed } from './malformed.ts';
import { lineBreakOf, replaceSpan } from './text-format.ts';
import type { Entry, Span, TextFormat } from './text-format.ts';

const DEEPEST = 100;
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const IN_BRACES = 'its names stand in `{ }`: put each on a line of its own';

/**
 * One YAML 1.2 document, a map with the names as its keys. What stands in quotes or in a block comes as it is; what stands plain
 * comes as it is written (1.50 stays 1.50); maps and lists become JSON text; null is a problem of that one secret. Aliases, merge keys
 * and tags are refused: every value has one place and one meaning.
 */
export const yaml: TextFormat = {
  parse(text) {
    return new Reader(text).entries();
  },

  put(text, entries, name, value) {
    const entry = entries.get(name);
    const written = quote(value);
    if (entry !== undefined) return { text: replaceValue(text, entry.valueAt, written) };
    const lineBreak = lineBreakOf(text);
    const line = `${quoteName(name)}: ${written}`;
    const { root } = new Reader(text);
    if (root.items.length === 0) return { text: replaceSpan(text, spanOf(root), line) };
    if (root.flow === true) return { problem: IN_BRACES };
    return { text: `${text}${text.endsWith('\n') ? '' : lineBreak}${line}${lineBreak}` };
  },

  remove(text, entries, { at }) {
    if (new Reader(text).root.flow === true) return { problem: IN_BRACES };
    const start = text.lastIndexOf('\n', at.start - 1) + 1;
    // A block includes the end of its last line.
    const lineEnd = text.indexOf('\n', at.end - 1);
    const end = lineEnd === -1 ? text.length : lineEnd + 1;
    return { text: replaceSpan(text, { start, end }, entries.size === 1 ? `{}${lineBreakOf(text)}` : '') };
  },
};

class Reader {
  readonly root: YAMLMap;
  readonly #lineAt: (offset: number) => number;

  constructor(text: string) {
    this.#lineAt = lineCounter(text);
    const document = this.#parse(text);
    const { contents, directives } = document;
    if (directives.yaml.explicit === true && directives.yaml.version !== '1.2') {
      throw new Malformed(1, 'asks for another YAML than 1.2: remove the `%YAML` line');
    }
    if (contents === null || (isScalar(contents) && contents.source === '')) throw new Malformed(undefined, 'is empty');
    this.#refuseIndirect(contents);
    if (!isMap(contents)) this.#fail(contents, 'must be a map, with the names of the secrets as its keys');
    this.root = contents;
  }

  entries(): readonly Entry[] {
    return this.root.items.map(({ key, value }: Pair) => {
      const { name, at } = this.#key(key);
      const valueAt = isNode(value) ? spanOf(value) : { start: at.end, end: at.end };
      return {
        name,
        ...this.#value(value),
        line: this.#lineAt(at.start),
        at: { start: at.start, end: valueAt.end },
        valueAt,
      };
    });
  }

  #parse(text: string): Document.Parsed {
    let document: Document.Parsed;
    try {
      document = parseDocument(text, {
        version: '1.2',
        schema: 'core',
        merge: false,
        strict: true,
        prettyErrors: false, // they quote the line
        uniqueKeys: false, // quadratic; all keys are compared here and by our caller
        logLevel: 'error', // `silent` hides a second document
      });
    } catch (error) {
      if (error instanceof RangeError) throw new Malformed(undefined, 'is nested too deeply');
      throw error;
    }
    const [error] = document.errors;
    if (error === undefined) return document;
    // What lacks its end is noticed behind the last line.
    throw new Malformed(this.#lineAt(Math.min(error.pos[0], text.trimEnd().length)), syntaxReason(error));
  }

  #key(key: unknown): { readonly name: string; readonly at: Span } {
    this.#refuseIndirect(key);
    if (!isScalar(key) || key.value === null) this.#fail(key, 'has a key that is no text');
    const name = plainText(key);
    if (name === '<<' && key.type === 'PLAIN') this.#fail(key, 'has a merge key (`<<`): write it out');
    return { name, at: spanOf(key) };
  }

  #value(node: unknown): Pick<Entry, 'value' | 'problem'> {
    this.#refuseIndirect(node);
    if (isNull(node)) return { problem: 'is null' };
    if (isScalar(node)) return { value: plainText(node) };
    const odd: string[] = [];
    const value = this.#json(node, 0, odd);
    return odd.length > 0 ? { problem: 'has a number in it that JSON cannot write: put it in quotes' } : { value };
  }

  /** JSON text. Takes numbers that JSON cannot write into `odd`. */
  #json(node: unknown, depth: number, odd: string[]): string {
    if (depth > DEEPEST) this.#fail(node, 'is nested too deeply');
    this.#refuseIndirect(node);
    if (isSeq(node)) return `[${node.items.map((item) => this.#json(item, depth + 1, odd)).join(',')}]`;
    if (isMap(node)) {
      const members = new Map<string, string>();
      for (const { key, value } of node.items) {
        const { name } = this.#key(key);
        if (members.has(name)) this.#fail(key, 'has a key for the second time');
        members.set(name, `${JSON.stringify(name)}:${this.#json(value, depth + 1, odd)}`);
      }
      return `{${[...members.values()].join(',')}}`;
    }
    if (!isScalar(node)) return 'null';
    if (typeof node.value !== 'number') return JSON.stringify(node.value);
    const written = plainText(node);
    if (!JSON_NUMBER.test(written)) odd.push(written);
    return written;
  }

  #refuseIndirect(node: unknown): void {
    if (isAlias(node)) this.#fail(node, 'has an alias (`*`): write it out, or put the value in quotes');
    if ((isScalar(node) || isMap(node) || isSeq(node)) && node.tag !== undefined) {
      this.#fail(node, 'has a tag (`!`): bytes stand as base64 text, with `decode: base64` where they are used');
    }
  }

  #fail(node: unknown, reason: string): never {
    throw new Malformed(isNode(node) && node.range ? this.#lineAt(node.range[0]) : undefined, reason);
  }
}

/** In our own words: the parser's quote the file. Its code is a help all the same. */
function syntaxReason({ code }: YAMLError): string {
  if (code === 'MULTIPLE_DOCS') return 'begins a second document: one file holds one';
  return code === 'RESOURCE_EXHAUSTION' ? 'is nested too deeply' : `is no YAML 1.2 (${code})`;
}

/** What stands plain comes as it is written, the rest as what it means. */
function plainText({ type, source, value }: Scalar): string {
  return type === 'PLAIN' && typeof value !== 'string' && source !== undefined ? source : String(value);
}

function isNull(node: unknown): boolean {
  return node === null || (isScalar(node) && node.value === null);
}

function replaceValue(text: string, at: Span, written: string): string {
  const gap = /\s/.test(text[at.start - 1] ?? '') ? '' : ' ';
  // A block includes the end of its last line.
  const end = text.slice(at.start, at.end).endsWith('\n') ? lineBreakOf(text) : '';
  return replaceSpan(text, at, gap + written + end);
}

function spanOf(node: Node): Span {
  const [start, end] = node.range ?? [0, 0];
  return { start, end };
}

/** JSON's texts are YAML's, but for some characters that YAML does not print. */
function quote(value: string): string {
  return JSON.stringify(value).replaceAll(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function quoteName(name: string): string {
  const word = /^(?:null|true|false|yes|no|on|off|y|n)$/i.test(name);
  return /^[A-Za-z_][\w.-]*$/.test(name) && !word ? name : quote(name);
}
