import { isMap } from 'yaml';
import type { ConfigFile } from '../read-yaml.ts';
import { EditableText } from './editable-text.ts';
import { findValue } from './find-value.ts';

/**
 * The one of the files that holds most of the way to `path`, which is where it is to be set. `recipients`, when there are none, belong where
 * sources are. Throws a {@link ConfigEditError} where a file cannot be read.
 */
export function fileHolding(files: readonly ConfigFile[], path: readonly string[]): ConfigFile | undefined {
  const depths = files.map(({ text }) => depthOf(text, path));
  const deepest = Math.max(0, ...depths);
  if (deepest > 0) return files[depths.indexOf(deepest)];
  return files.find(({ text }) => depthOf(text, ['providers']) > 0) ?? files[0];
}

function depthOf(text: string, path: readonly string[]): number {
  const editable = new EditableText(text);
  return isMap(editable.document.contents) ? findValue(editable, path).pairs.length : 0;
}
