import { Idiomorph } from 'idiomorph';

/** What the person has done to the page, and not the agent. */
const OWN: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['DETAILS', new Set(['open', 'hidden'])],
  ['LI', new Set(['hidden'])],
]);

/** Puts an element in the place of the one with its id, and leaves what is the same: focus, selection, scroll, what was typed and opened. */
export function morph(element: string, dress: (part: ParentNode) => void): void {
  const template = document.createElement('template');
  template.innerHTML = element;
  const now = template.content.firstElementChild;
  const before = now === null ? null : document.getElementById(now.id);
  if (now === null || before === null) return;
  dress(template.content);
  void Idiomorph.morph(before, now, {
    morphStyle: 'outerHTML',
    callbacks: {
      beforeNodeMorphed: (node) => node.id !== 'toolbar',
      beforeAttributeUpdated: (name, { tagName }) => OWN.get(tagName)?.has(name) !== true,
    },
  });
}
