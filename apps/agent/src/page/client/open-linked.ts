import type { SecretFilter } from './secret-filter.ts';

/** Whoever follows a link to something sees it, also where its group is closed or it is filtered out; and goes on from there. */
export function openLinked(filter: SecretFilter): void {
  const show = () => {
    const linked = document.getElementById(linkedId());
    if (linked === null) return;
    if (linked.closest('[hidden]') !== null) filter.clear();
    for (let at: Element | null = linked; at !== null; at = at.parentElement)
      if (at instanceof HTMLDetailsElement) at.open = true;
    linked.scrollIntoView({ block: 'start' });
    if (linked.hasAttribute('tabindex')) linked.focus({ preventScroll: true });
  };
  addEventListener('hashchange', show);
  if (location.hash !== '') show();
}

/** Whatever stands there: a person may have typed it. */
function linkedId(): string {
  const id = location.hash.slice(1);
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}
