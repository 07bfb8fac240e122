import { expect, test } from 'vitest';
import { managersOf, othersThanUs } from './others-than-us.ts';

const secret = {
  metadata: {
    name: 'app',
    namespace: 'web',
    managedFields: [
      { manager: 'helm', fieldsV1: { 'f:data': { '.': {}, 'f:THEIRS': {} }, 'f:type': {} } },
      { manager: 'kustomize-controller', fieldsV1: { 'f:data': { 'f:A': {} } } },
      { manager: 'kubectl-label', fieldsV1: { 'f:metadata': { 'f:labels': { 'f:team': {} } } } },
      { fieldsV1: { 'f:data': { 'f:A': {} } } },
      { manager: 'odd', fieldsV1: null },
    ],
  },
};

test('all who manage any of a Secret', () => {
  expect(managersOf(secret)).toEqual(['helm', 'kustomize-controller', 'kubectl-label', 'odd']);
  expect(managersOf({ metadata: { name: 'app', namespace: 'web' } })).toEqual([]);
});

test('who manages a key of ours, and not who manages the others', () => {
  expect(managersOf(secret, ['A', 'B'])).toEqual(['kustomize-controller']);
});

test('we ourselves are none of the others, and a name that could be anything is left out', () => {
  expect(othersThanUs(['hikyaku', 'kubectl-edit', 'helm', 'helm', 'a\u001b[2J', ''])).toEqual({
    others: ['helm', 'kubectl-edit'],
  });
  expect(othersThanUs(['hikyaku'])).toEqual({});
});
