import { count } from '../output/count.ts';
import type { Style } from '../output/style.ts';
import { keyText } from './recipients-text.ts';
import type { RewrapStep } from './rewrap-values.ts';

/** What becomes of each value; the failed ones are said as errors. */
export function rewrapText(steps: readonly RewrapStep[], style: Style): string {
  const width = Math.max(0, ...steps.map(({ field }) => field.name.length));
  return steps.map((step) => lineOf(step, step.field.name.padEnd(width), style)).join('');
}

function lineOf(step: RewrapStep, name: string, style: Style): string {
  if (step.kind === 'failed') return `  ${style.bad('✗')} ${name}  cannot be opened\n`;
  if (step.kind === 'unbound')
    return `  ${style.change('!')} ${name}  left as it is: made by plain age, so who opens it is not known; hikyaku seal it\n`;
  if (step.kind === 'keep') {
    const unchecked = step.checked ? '' : ' (as it says itself: none of your keys opens it)';
    return style.faint(`  = ${name}  right already${unchecked}`) + '\n';
  }
  const changes = [
    ...step.added.map((key) => style.good(`+ ${keyText(key)}`)),
    ...step.removed.map((key) => style.bad(`- ${keyText(key)}`)),
  ];
  return `  ${style.change('~')} ${name}  ${changes.length === 0 ? 'the names of its recipients' : changes.join('  ')}\n`;
}

/** `2 of 3 values are sealed anew, in hikyaku.yaml` */
export function rewrappedText(steps: readonly RewrapStep[], files: readonly string[], style: Style): string {
  const anew = steps.filter(({ kind }) => kind === 'rewrap').length;
  if (steps.length === 0) return 'nothing is sealed in this config\n';
  if (anew === 0) return `${style.good('✓')} ${count(steps.length, 'value')} looked at: nothing to change\n`;
  return `${style.good('✓')} ${anew} of ${count(steps.length, 'value')} sealed anew in ${files.join(', ')}\n`;
}

/** For scripts. */
export function rewrapJson(steps: readonly RewrapStep[]): readonly object[] {
  return steps.map((step) => {
    const { name: path, sealed } = step.field;
    const { file, line } = sealed.position;
    const keys = step.kind === 'rewrap' ? { added: step.added, removed: step.removed } : {};
    return { path, file, line, action: step.kind, ...keys };
  });
}
