/** Copying takes a script, and a clipboard that may be written. */
export function offerCopies(part: ParentNode): void {
  if (navigator.clipboard === undefined) return;
  for (const button of part.querySelectorAll<HTMLButtonElement>('.copy')) button.hidden = false;
}

document.addEventListener('click', ({ target }) => {
  const button = target instanceof Element ? target.closest<HTMLButtonElement>('.copy') : null;
  if (button === null) return;
  navigator.clipboard.writeText(button.dataset['copy'] ?? '').then(
    () => say(button, 'Copied'),
    () => say(button, 'Not copied'),
  );
});

function say(button: HTMLElement, word: string): void {
  button.textContent = word;
  const news = document.getElementById('news');
  if (news !== null) news.textContent = word;
  setTimeout(() => (button.textContent = 'Copy'), 2_000);
}
