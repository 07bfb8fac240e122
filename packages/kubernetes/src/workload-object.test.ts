import { describe, expect, test } from 'vitest';
import { isRollingOut, secretsOf } from './workload-object.ts';
import type { WorkloadObject } from './workload-object.ts';

function workload(spec: object, status: object = {}, generation = 2): WorkloadObject {
  return {
    metadata: { name: 'web', generation },
    spec: { template: {}, ...spec },
    status: { observedGeneration: 2, ...status },
  };
}

test('Secrets are found wherever Pods refer to them, each once', () => {
  const named = (name: string) => ({ env: [{ valueFrom: { secretKeyRef: { name } } }, { valueFrom: {} }, {}] });
  const spec = {
    containers: [named('env'), { envFrom: [{ secretRef: { name: 'env-from' } }, {}] }, {}],
    initContainers: [named('init'), named('env')],
    volumes: [{ secret: { secretName: 'volume' } }, { projected: { sources: [{ secret: { name: 'part' } }, {}] } }, {}],
  };
  const found = secretsOf(workload({ template: { spec } }));
  expect([...found].toSorted()).toEqual(['env', 'env-from', 'init', 'part', 'volume']);
  expect(secretsOf(workload({}))).toEqual(new Set());
});

describe('Pods are being replaced', () => {
  const stuck = [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' }];
  test.each([
    ['nobody has looked at the change', true, workload({ replicas: 0 }, {}, 3)],
    ['not all are new', true, workload({ replicas: 2 }, { replicas: 3, updatedReplicas: 1, availableReplicas: 2 })],
    ['old ones are left', true, workload({ replicas: 2 }, { replicas: 3, updatedReplicas: 2, availableReplicas: 2 })],
    ['new ones are not ready', true, workload({ replicas: 2 }, { replicas: 2, updatedReplicas: 2 })],
    ['all are new', false, workload({ replicas: 2 }, { replicas: 2, updatedReplicas: 2, availableReplicas: 2 })],
    ['none are wanted', false, workload({ replicas: 0 })],
    ['it was given up', false, workload({ replicas: 2 }, { replicas: 3, updatedReplicas: 1, conditions: stuck })],
    [
      'of a DaemonSet some are old',
      true,
      workload({}, { desiredNumberScheduled: 3, updatedNumberScheduled: 2, numberAvailable: 3 }),
    ],
    ['of a DaemonSet none are wanted', false, workload({}, { desiredNumberScheduled: 0 })],
  ])('%s: %s', (_, isReplacing, live) => {
    expect(isRollingOut(live)).toBe(isReplacing);
  });
});
