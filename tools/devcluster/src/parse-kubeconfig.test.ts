import { expect, test } from 'vitest';
import { parseKubeconfig } from './parse-kubeconfig.ts';

test('a kubeconfig as kind and kubectl write it is read', () => {
  const text = `apiVersion: v1
clusters:
- cluster:
    server: https://elsewhere:6443
  name: other
- cluster:
    certificate-authority-data: QUJD
    server: https://127.0.0.1:6443
  name: kind-kind
contexts:
- context:
    cluster: kind-kind
    user: kind-kind
  name: kind-kind
current-context: kind-kind
kind: Config
preferences: {}
users:
- name: kind-kind
  user:
    client-certificate-data: REVG
    client-key-data: R0hJ
`;
  expect(parseKubeconfig(text)).toEqual({
    cluster: { 'certificate-authority-data': 'QUJD', server: 'https://127.0.0.1:6443' },
    user: { 'client-certificate-data': 'REVG', 'client-key-data': 'R0hJ' },
  });
});

test('a kubeconfig as minikube writes it is read: extensions, files, quotes', () => {
  const text = `---
# written by hand
clusters:
  - cluster:
      certificate-authority: /home/me/.minikube/ca.crt
      extensions:
        - extension:
            last-update: Mon, 01 Jun 2026 10:00:00 UTC
            version: v1.38.0
          name: cluster_info
      server: "https://192.168.49.2:8443"
    name: 'mini'
contexts:
  - context: 
      cluster: mini
      user: mini
    name: mini
current-context: "mini"
users:
  - name: mini
    user:
      exec:
        args:
          - get-token
          - --region
        installHint: |-
          Install it:
            with care
      token: secret
`;
  expect(parseKubeconfig(text)).toMatchObject({
    cluster: { 'certificate-authority': '/home/me/.minikube/ca.crt', server: 'https://192.168.49.2:8443' },
    user: { exec: { args: ['get-token', '--region'], installHint: 'Install it:\nwith care' }, token: 'secret' },
  });
});

test('a kubeconfig in JSON is read', () => {
  const text = JSON.stringify({
    'current-context': 'a',
    contexts: [{ name: 'a', context: { cluster: 'b', user: 'c' } }],
    clusters: [{ name: 'b', cluster: { server: 'https://b' } }],
    users: [{ name: 'c', user: { token: 't' } }],
  });
  expect(parseKubeconfig(text)).toEqual({ cluster: { server: 'https://b' }, user: { token: 't' } });
});
