import { TargetError } from '@hikyaku/engine';
import { isKubeError } from '@hikyaku/kube-client';
import type { KubeError } from '@hikyaku/kube-client';
import { AGENT_LABEL } from './ownership.ts';

/** What the policy of deploy/rights-own.yaml says of a Secret that does not carry our label. */
const NOT_OURS = /^hikyaku: not ours\b/;

/** Whether the API server's policy denied a write because the live Secret is not ours. */
export function isDeniedAsForeign(error: unknown): boolean {
  return isKubeError(error) && error.policyMessage !== undefined && NOT_OURS.test(error.policyMessage);
}

/** Whether it was denied because type or immutable data cannot change in place. */
export function isUnchangeable(error: unknown): boolean {
  const fields = new Set(['type', 'data', 'immutable']);
  return (
    isKubeError(error) &&
    error.code === 'INVALID' &&
    error.policy === undefined &&
    error.causes.some(({ field = '', reason }) => fields.has(field) && reason !== 'FieldValueTooLong')
  );
}

export function foreign(namespace: string, name: string, agent: string): TargetError {
  const remedy = `kubectl label secret ${name} --namespace ${namespace} ${AGENT_LABEL}=${agent}`;
  return new TargetError(
    'FOREIGN',
    `Secret ${namespace}/${name} exists and is not ours; its owner can hand it over, keys and all: ${remedy}`,
  );
}

/** Says in our own words what the API server refused: its own text may hold data. Anything but a KubeError is thrown on. */
export function toTargetError(error: unknown, namespace: string, name: string, agent: string): TargetError {
  if (error instanceof TargetError) return error;
  if (!isKubeError(error)) throw error;
  const secret = `Secret ${namespace}/${name}`;
  const retry = error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs };
  if (isDeniedAsForeign(error)) return foreign(namespace, name, agent);
  if (error.policyMessage !== undefined) {
    return new TargetError('NOT_GRANTED', `${secret} is not granted: ${error.policyMessage.replace(/^hikyaku: /, '')}`);
  }
  if (error.policyParametersMissing) {
    return new TargetError(
      'NOT_GRANTED',
      `${secret}: the policy finds no ConfigMap ${agent}/hikyaku-grants; apply deploy/grants.yaml`,
    );
  }
  if (error.terminating)
    return new TargetError(
      'NAMESPACE_MISSING',
      `${secret}: namespace ${namespace} is being deleted; waiting for it to come back`,
    );
  if (error.code === 'NOT_FOUND' && error.kind === 'namespaces') {
    return new TargetError('NAMESPACE_MISSING', `${secret}: namespace ${namespace} does not exist; waiting for it`);
  }
  if (isUnchangeable(error)) {
    const fields = [...new Set(error.causes.map(({ field }) => field))].join(', ');
    return new TargetError(
      'UNCHANGEABLE',
      `${secret}: ${fields} cannot change in place; set \`recreate: true\` to delete and create it again`,
    );
  }
  switch (error.code) {
    case 'FORBIDDEN':
      return new TargetError(
        'FORBIDDEN',
        error.quota === undefined
          ? forbidden(secret, error)
          : `${secret}: the quota ${error.quota} of namespace ${namespace} is used up`,
      );
    case 'INVALID':
    case 'BAD_REQUEST':
      return new TargetError('INVALID', `${secret}: the API server refuses it${reasons(error)}`);
    case 'TOO_LARGE':
      return new TargetError('INVALID', `${secret}: too large for the API server; split it into several`);
    case 'CONFLICT':
    case 'ALREADY_EXISTS':
      return new TargetError('CONFLICT', `${secret}: somebody else keeps changing it`, retry);
    case 'NOT_FOUND':
    case 'UNAUTHENTICATED':
    case 'GONE':
    case 'RATE_LIMITED':
    case 'UNAVAILABLE':
    case 'UNEXPECTED':
      return new TargetError('UNAVAILABLE', error.message, retry);
  }
}

function forbidden(secret: string, error: KubeError): string {
  const denied = error.policy === undefined ? '' : ` (by the policy ${error.policy})`;
  return `${secret}: this account may not write it${denied}; the agent's rights are deploy/rights-own.yaml`;
}

function reasons({ status, reason, causes, policy }: KubeError): string {
  const where = causes
    .map((cause) => [cause.field, cause.reason].filter(Boolean).join(': '))
    .filter((text) => text !== '');
  const by = policy === undefined ? [] : [`the policy ${policy}`];
  return ` (${[...by, [status, reason].filter(Boolean).join(' '), ...new Set(where)].filter((text) => text !== '').join('; ')})`;
}
