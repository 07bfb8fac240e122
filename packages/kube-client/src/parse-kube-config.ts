import { load } from 'js-yaml';
import { KubeConfigError } from './kube-config-error.ts';
import { asRecord } from './plain-text.ts';

export interface ParseOptions {
  /** How many YAML aliases there may be; any number by default. */
  readonly maxAliases?: number;
}

/** The mapping that a kubeconfig is. `from` names it in errors, which never quote it: it holds tokens. */
export function parseKubeConfig(
  text: string,
  from: string,
  { maxAliases = -1 }: ParseOptions = {},
): Readonly<Record<string, unknown>> {
  try {
    // js-yaml takes an empty document for a mistake; kubectl does not.
    return text.trim() === '' ? {} : asRecord(load(text, { maxAliases }));
  } catch (error) {
    // Its message quotes the lines around, and with them a token.
    const { mark, reason } = asRecord(error);
    const line = asRecord(mark)['line'];
    const where = typeof line === 'number' ? `, line ${line + 1}` : '';
    const aliases = typeof reason === 'string' && reason.startsWith('aliases exceeded');
    throw new KubeConfigError(`${from}${where} ${aliases ? 'uses YAML aliases, which are refused' : 'is not YAML'}`);
  }
}

/** The mappings of a list; what else stands there, or in its place, is left out. */
export function entriesOf(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.map(asRecord) : [];
}
