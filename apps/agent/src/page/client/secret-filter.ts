/** Shows those Secrets alone whose name and state were asked for; what was typed outlives every change of the page. */
export class SecretFilter {
  /** Groups that were closed before something was looked for. */
  readonly #closed = new Set<string>();

  start(): void {
    document.addEventListener('input', ({ target }) => {
      if (target === this.#text || target === this.#state) this.apply();
    });
    document.addEventListener('keydown', (event) => {
      if (event.key === '/' && !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event.target)) {
        event.preventDefault();
        this.#text?.focus();
      }
      if (event.key === 'Escape' && event.target === this.#text) this.clear();
    });
    this.apply();
  }

  clear(): void {
    if (this.#text !== undefined) this.#text.value = '';
    if (this.#state !== undefined) this.#state.value = '';
    this.apply();
  }

  apply(): void {
    const toolbar = document.getElementById('toolbar');
    if (toolbar === null) return;
    toolbar.hidden = false;
    const wanted = this.#text?.value.trim().toLowerCase() ?? '';
    const state = this.#state?.value ?? '';
    const isAsked = wanted !== '' || state !== '';
    let [shown, all] = [0, 0];
    for (const group of document.querySelectorAll<HTMLDetailsElement>('#secrets > details')) {
      let here = 0;
      for (const row of group.querySelectorAll<HTMLElement>('.row')) {
        const isShown = !isAsked || (row.id.toLowerCase().includes(wanted, 'secret-'.length) && hasState(row, state));
        if (row.hidden === isShown) row.hidden = !isShown;
        all += 1;
        if (isShown) here += 1;
      }
      shown += here;
      group.hidden = isAsked && here === 0;
      this.#open(group, isAsked);
    }
    const words = isAsked ? `${shown} of ${all} Secrets` : '';
    const found = document.getElementById('found');
    if (found !== null && found.textContent !== words) found.textContent = words;
  }

  /** What is found is to be seen. */
  #open(group: HTMLDetailsElement, isAsked: boolean): void {
    if (isAsked && !group.open) {
      this.#closed.add(group.id);
      group.open = true;
    } else if (!isAsked && this.#closed.delete(group.id)) group.open = false;
  }

  get #text(): HTMLInputElement | undefined {
    return document.querySelector<HTMLInputElement>('#filter') ?? undefined;
  }

  get #state(): HTMLSelectElement | undefined {
    return document.querySelector<HTMLSelectElement>('#state') ?? undefined;
  }
}

function hasState(row: HTMLElement, state: string): boolean {
  if (state === '') return true;
  const chip = row.querySelector('.chip');
  return state === '!' ? chip?.classList.contains('good') === false : chip?.textContent === state;
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement || target instanceof HTMLSelectElement;
}
