/**
 * Matches a name against a glob in which `*` stands for any run of characters (also `/`) and `?` for one. Returns what the
 * stars matched, or `undefined`. The first star takes as little as it can. No regular expression: its time is bounded by
 * the product of the two lengths, whatever a config says.
 */
export function matchGlob(glob: string, name: string): readonly string[] | undefined {
  const segments = glob.split('*');
  const first = segments[0] ?? '';
  if (!matchesAt(first, name, 0)) return undefined;
  if (segments.length === 1) return name.length === first.length ? [] : undefined;

  const captures: string[] = [];
  let position = first.length;
  for (const segment of segments.slice(1, -1)) {
    let at = position;
    while (at + segment.length <= name.length && !matchesAt(segment, name, at)) at++;
    if (at + segment.length > name.length) return undefined;
    captures.push(name.slice(position, at));
    position = at + segment.length;
  }
  const last = segments.at(-1) ?? '';
  const end = name.length - last.length;
  if (end < position || !matchesAt(last, name, end)) return undefined;
  captures.push(name.slice(position, end));
  return captures;
}

function matchesAt(segment: string, name: string, at: number): boolean {
  if (at + segment.length > name.length) return false;
  for (let i = 0; i < segment.length; i++) {
    if (segment[i] !== '?' && segment[i] !== name[at + i]) return false;
  }
  return true;
}
