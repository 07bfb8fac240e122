import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { styleFor } from '../output/style.ts';
import { nextSteps, nextStepsOfAdded } from './next-steps.ts';

const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
const STYLE = styleFor({ env: {}, ...streams, signal: new AbortController().signal }, {});

function linesOf(config: string, kubeconfig?: string): readonly string[] {
  const options = { config, context: 'home', ...(kubeconfig !== undefined && { kubeconfig }) };
  const done = { recipients: [{ name: 'home', keys: [], backup: false }], made: true, sealed: true, files: [] };
  const text = nextSteps({ ...done, options, image: 'hikyaku:1' }, STYLE);
  return [...text.matchAll(/^ {2}(?<line>\w.*)$/gm)].map(({ groups }) => groups?.['line'] ?? '');
}

test('in the folder of the config the lines are short', () => {
  expect(linesOf('hikyaku.yaml')).toEqual([
    'hikyaku plan --context home',
    'git add . && git commit -m "hikyaku for home" && git push',
    'kubectl --context home apply -k .   # or Flux, or Argo CD',
  ]);
});

test('from another folder, which may be in another repository, they still do what they say', () => {
  expect(linesOf('../homelab/hikyaku.yaml')).toEqual([
    'hikyaku plan --context home --config ../homelab/hikyaku.yaml',
    'git -C ../homelab add . && git -C ../homelab commit -m "hikyaku for home" && git -C ../homelab push',
    'kubectl --context home apply -k ../homelab   # or Flux, or Argo CD',
  ]);
});

test('what the command was told is told by them too, for a shell', () => {
  const [plan, commit, apply] = linesOf('my lab/hikyaku.yaml', '/mnt/k 1');
  expect(plan).toBe("hikyaku plan --context home --kubeconfig '/mnt/k 1' --config 'my lab/hikyaku.yaml'");
  expect(commit).toContain("git -C 'my lab' add .");
  expect(apply).toContain("kubectl --context home --kubeconfig '/mnt/k 1' apply -k 'my lab' ");
  const added = nextStepsOfAdded({ config: 'my lab/hikyaku.yaml', context: 'a b' });
  expect(added).toContain("  kubectl --context 'a b' apply -k 'my lab'   # or");
});
