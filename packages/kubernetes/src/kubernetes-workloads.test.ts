import type { KubeClient } from '@hikyaku/kube-client';
import { beforeEach, expect, test } from 'vitest';
import { KubernetesWorkloads } from './kubernetes-workloads.ts';
import { AGENT, kubeError, signal } from './memory-kube.test.kit.ts';

const live = {
  metadata: { name: 'web', uid: 'u', resourceVersion: '1' },
  spec: { replicas: 0, template: {} },
  status: {},
};
const changes = [{ id: 'web/app', change: 'c1', keys: ['A'] }];
const probed = 'hikyaku: template annotations: only two of them change';
let patched: string[];
/** What the API server says to a dry run that no policy of ours lets pass. */
let refusal: Error | undefined;

beforeEach(() => {
  patched = [];
  refusal = kubeError('INVALID', { policyMessage: probed });
});

function workloads(proof: 'policy' | 'look'): KubernetesWorkloads {
  const request: KubeClient['request'] = async (method, path, options) => {
    if (method === 'GET') return { status: 200, body: live };
    if (options.query?.['dryRun'] === undefined) patched.push(path);
    else if (refusal !== undefined) throw refusal;
    return { status: 200, body: live };
  };
  return new KubernetesWorkloads({ client: { request }, access: { agent: AGENT, proof } });
}

function restart(proof: 'policy' | 'look' = 'policy') {
  const options = { changes, wasAbsent: false, interrupt: false, signal };
  return workloads(proof).restart('web/Deployment/web', options);
}

test('a workload is restarted while the policy limits what this account may change of it', async () => {
  expect(await restart()).toMatchObject({ outcome: 'restarted' });
  expect(patched).toEqual(['/apis/apps/v1/namespaces/web/deployments/web']);
});

test('an account that could change anything of it restarts nothing', async () => {
  refusal = undefined;
  await expect(restart()).rejects.toMatchObject({
    code: 'FORBIDDEN',
    message: expect.stringContaining('the policy hikyaku-restarts does not limit this account'),
  });
  expect(patched).toEqual([]);
});

test('nor is it taken for one that is limited because something else is in the way', async () => {
  refusal = kubeError('INVALID', { policy: 'of-somebody-else' });
  await expect(restart()).rejects.toMatchObject({ code: 'INVALID' });
  expect(patched).toEqual([]);
});

test('a person with rights of their own needs no policy', async () => {
  refusal = undefined;
  expect(await restart('look')).toMatchObject({ outcome: 'restarted' });
});

test('where a dry run is not possible it is restarted all the same', async () => {
  refusal = kubeError('BAD_REQUEST');
  expect(await restart()).toMatchObject({ outcome: 'restarted' });
});
