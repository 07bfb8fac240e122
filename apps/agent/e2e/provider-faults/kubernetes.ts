import { startFakeApiServer } from '@hikyaku/provider-kubernetes/testing';
import type { FakeApiServer } from '@hikyaku/provider-kubernetes/testing';
import { selfSignedCertificate } from '@hikyaku/provider-utils/testing';
import { startRelay } from './relay.ts';
import type { Relay } from './relay.ts';
import { FOR_GOOD, variableFor } from './trial.ts';
import type { Fault, Trial, Values } from './trial.ts';

interface Place {
  readonly fake: FakeApiServer;
  /** Between the agent and the API server. */
  readonly relay: Relay;
  readonly token: string;
}

const NAMESPACE = 'shared';
const RIGHTS = { verbs: ['get', 'list', 'watch'], namespace: NAMESPACE, names: ['app'] } as const;
const NAMESPACE_RIGHTS = { verbs: ['get'], resource: 'namespaces' } as const;

const faults: Readonly<Record<string, Fault<Place>>> = {
  down: { code: 'UNAVAILABLE', begin: ({ relay }) => relay.stop(), end: ({ relay }) => relay.start() },
  '401': { code: 'UNAUTHENTICATED', begin: ({ fake }) => fake.fail({ kind: '401', verb: 'get', ...FOR_GOOD }) },
  'role-gone': {
    code: 'FORBIDDEN',
    begin: ({ fake, token }) => fake.setRules(token, NAMESPACE_RIGHTS),
    end: ({ fake, token }) => fake.setRules(token, RIGHTS, NAMESPACE_RIGHTS),
  },
  'namespace-gone': { code: 'NOT_FOUND', begin: ({ fake }) => fake.setNamespace(NAMESPACE, undefined) },
  '404-page': {
    code: 'INVALID_RESPONSE',
    begin: ({ fake }) => fake.fail({ kind: '404-page', verb: 'get', ...FOR_GOOD }),
  },
  '429': {
    code: 'RATE_LIMITED',
    begin: ({ fake }) => fake.fail({ kind: '429', verb: 'get', retryAfter: 12, ...FOR_GOOD }),
  },
  '500': { code: 'UNAVAILABLE', begin: ({ fake }) => fake.fail({ kind: '500', verb: 'get', ...FOR_GOOD }) },
  hang: { code: 'UNAVAILABLE', begin: ({ fake }) => fake.fail({ kind: 'hang', verb: 'get', ...FOR_GOOD }) },
  reset: { code: 'UNAVAILABLE', begin: ({ fake }) => fake.fail({ kind: 'reset', verb: 'get', ...FOR_GOOD }) },
  cut: { code: 'UNAVAILABLE', begin: ({ fake }) => fake.fail({ kind: 'cut', verb: 'get', ...FOR_GOOD }) },
  'wrong-type': {
    code: 'INVALID_RESPONSE',
    begin: ({ fake }) => fake.fail({ kind: 'wrong-type', verb: 'get', ...FOR_GOOD }),
  },
  another: { code: 'INVALID_RESPONSE', begin: ({ fake }) => fake.fail({ kind: 'another', verb: 'get', ...FOR_GOOD }) },
};

/** Another cluster for each, which the agent may read one Secret of. */
export async function kubernetesTrials(values: Values): Promise<readonly Trial[]> {
  const tls = selfSignedCertificate();
  return await Promise.all(
    Object.entries(faults).map(async ([fault, { code, begin, end }]): Promise<Trial> => {
      const name = `kubernetes-${fault}`;
      const fake = await startFakeApiServer({ tls });
      const relay = await startRelay(fake.url);
      const set = (now: Values) => fake.setSecret(NAMESPACE, 'app', { ...now });
      set(values);
      const token = fake.token(RIGHTS, NAMESPACE_RIGHTS);
      const variable = variableFor(name);
      const place = { fake, relay, token };
      return {
        name,
        code,
        settings: {
          type: 'kubernetes',
          server: relay.url,
          kubeconfig: { env: variable },
          namespace: NAMESPACE,
          secrets: ['app'],
        },
        env: { [variable]: fake.kubeconfig(token).replace(fake.url, relay.url) },
        credentials: [token],
        dataFrom: { keys: 'app/*', as: '*' },
        async begin(now) {
          set(now);
          await begin(place);
        },
        async end(now) {
          fake.clearFaults();
          set(now);
          await end?.(place);
        },
        async [Symbol.asyncDispose]() {
          await relay.stop();
          await fake.close();
        },
      };
    }),
  );
}
