import { DEFAULT_IMAGE } from './install.ts';
import type { Install } from './install.ts';
import type { Needs } from '../grants/needs.ts';
import { ENV_SECRET } from './workload.ts';

/** What no manifest can bring: credentials, files, the image. One line each. */
export function leftToDo({ image, variables, texts, needs }: Install & { readonly needs: Needs }): readonly string[] {
  const brought = new Set(texts.map(({ path }) => path));
  const files = needs.files.filter(({ what }) => !brought.has(what));
  return [
    ...(image === DEFAULT_IMAGE ? [`the image ${image} is to be built by yourself: --image says another one`] : []),
    ...(variables.length === 0
      ? []
      : [
          `of the credentials, ${variables.join(' and ')} ${variables.length === 1 ? 'is' : 'are'} taken from the Secret ${ENV_SECRET}. Its command reads a line NAME=value for each, from a pipe or typed and ended with Ctrl-D: kubectl --namespace hikyaku create secret generic ${ENV_SECRET} --from-env-file=/dev/stdin`,
        ]),
    ...files.map(
      ({ source, what }) => `source ${source} reads ${what}, which is not in these manifests: docs/manifests.md`,
    ),
  ];
}
