import { expect, test } from 'vitest';
import { kubernetesConfig, serverAddress } from './kubernetes-config.ts';

function problems(config: object): readonly string[] {
  return (
    kubernetesConfig.safeParse(config).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? []
  );
}

test('a namespace is enough', () => {
  expect(kubernetesConfig.parse({ namespace: 'web' })).toEqual({ namespace: 'web', createType: 'Opaque' });
});

test.each([
  ['no namespace', {}, 'namespace'],
  ['a namespace that is none', { namespace: 'Web' }, 'namespace: must be the name of a namespace'],
  ['an empty list', { namespace: 'web', secrets: [] }, 'secrets: must name a Secret'],
  ['a Secret that is none', { namespace: 'web', secrets: ['a/b'] }, 'secrets.0: must be the name of a Secret'],
  ['plain http', { namespace: 'web', server: 'http://hub.test' }, 'server: must be an https address'],
  ['a user in the address', { namespace: 'web', server: 'https://ann:x@hub.test' }, 'server: must be an https'],
  ['a context of no kubeconfig', { namespace: 'web', context: 'hub' }, 'context: is of a kubeconfig'],
  ['a mistyped word', { namespace: 'web', secret: ['a'] }, 'Unrecognized key'],
])('%s is an error', (_, config, problem) => {
  expect(problems(config).join('\n')).toContain(problem);
});

test('a server is the same with and without a slash at its end, and the port of https', () => {
  expect(serverAddress('https://hub.test:443/')).toBe(serverAddress('https://HUB.test'));
  expect(serverAddress('https://hub.test/k8s/c-1/')).toBe('https://hub.test/k8s/c-1');
});
