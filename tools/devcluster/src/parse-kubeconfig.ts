/** A value of a kubeconfig file. */
export type ConfigValue = string | readonly ConfigValue[] | { readonly [key: string]: ConfigValue };

/** What the current context of a kubeconfig names. */
export interface CurrentContext {
  readonly cluster: ConfigValue | undefined;
  readonly user: ConfigValue | undefined;
}

interface Line {
  readonly indent: number;
  readonly text: string;
}

/** Finds the current context in the text of a kubeconfig. */
export function parseKubeconfig(text: string): CurrentContext {
  const config: ConfigValue = text.trimStart().startsWith('{') ? JSON.parse(text) : parseYaml(text);
  const named = (list: string, name: ConfigValue | undefined) => {
    const entries = member(config, list);
    return Array.isArray(entries) ? entries.find((entry: ConfigValue) => member(entry, 'name') === name) : undefined;
  };
  const context = member(named('contexts', member(config, 'current-context')), 'context');
  return {
    cluster: member(named('clusters', member(context, 'cluster')), 'cluster'),
    user: member(named('users', member(context, 'user')), 'user'),
  };
}

/** The member of a mapping when it is there and is text that is not empty. */
export function textMember(value: ConfigValue | undefined, key: string): string | undefined {
  const found = member(value, key);
  return typeof found === 'string' && found !== '' ? found : undefined;
}

function member(value: ConfigValue | undefined, key: string): ConfigValue | undefined {
  if (typeof value !== 'object' || Array.isArray(value)) return undefined;
  return Object.entries(value).find(([name]) => name === key)?.[1];
}

// The YAML that kubectl, kind, minikube and k3s write: mappings, lists and text, one per line. A YAML library would be this package's only
// dependency.
function parseYaml(text: string): ConfigValue {
  const lines = text
    .split(/\r?\n/)
    .filter((line) => !/^\s*(#|$)|^---/.test(line))
    .map((line) => ({ indent: line.search(/\S/), text: line.trim() }));
  return parseBlock(lines, lines[0]?.indent ?? 0);
}

/** Takes the lines of one mapping or list off the front of `lines`. */
function parseBlock(lines: Line[], indent: number): ConfigValue {
  const items: ConfigValue[] = [];
  const members: Record<string, ConfigValue> = {};
  for (let line = lines[0]; line !== undefined && line.indent === indent; line = lines[0]) {
    if (line.text === '-' || line.text.startsWith('- ')) {
      const rest = line.text.slice(1).trimStart();
      if (rest === '') {
        lines.shift();
        items.push(parseBlock(lines, lines[0]?.indent ?? 0));
      } else if (isMember(rest)) {
        const inner = indent + line.text.length - rest.length;
        lines[0] = { indent: inner, text: rest };
        items.push(parseBlock(lines, inner));
      } else {
        lines.shift();
        items.push(parseScalar(rest));
      }
    } else if (items.length > 0) {
      break;
    } else {
      lines.shift();
      const [, key = '', rest = ''] = /^("[^"]*"|[^:]+):\s*(.*)$/.exec(line.text) ?? [];
      members[textOf(key)] = parseMember(lines, indent, rest);
    }
  }
  return items.length > 0 ? items : members;
}

function parseMember(lines: Line[], indent: number, rest: string): ConfigValue {
  if (rest !== '' && !/^[|>][+-]?\d*$/.test(rest)) return parseScalar(rest);
  const next = lines[0];
  if (rest === '') {
    // A list may stand at the depth of its key.
    if (next !== undefined && (next.indent > indent || (next.indent === indent && next.text.startsWith('-')))) {
      return parseBlock(lines, next.indent);
    }
    return '';
  }
  const block: string[] = [];
  for (let line = next; line !== undefined && line.indent > indent; line = lines[0]) {
    block.push(line.text);
    lines.shift();
  }
  return block.join('\n');
}

function isMember(text: string): boolean {
  return /^("[^"]*"|[^"':\s]+):(\s|$)/.test(text);
}

function parseScalar(text: string): ConfigValue {
  if (text === '{}') return {};
  if (text === '[]') return [];
  return text === 'null' ? '' : textOf(text);
}

function textOf(text: string): string {
  if (/^".*"$/.test(text)) return String(JSON.parse(text));
  return /^'.*'$/.test(text) ? text.slice(1, -1).replaceAll("''", "'") : text;
}
