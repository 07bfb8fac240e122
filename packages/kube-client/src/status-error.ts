import type { IncomingHttpHeaders } from 'undici/types/header.d.ts';
import { KubeError } from './kube-error.ts';
import type { KubeErrorCause, KubeErrorCode } from './kube-error.ts';
import { asRecord, plainText } from './plain-text.ts';

/** The error for an answer that is not 2xx. `doing` is our own description of the request. */
export function statusError(doing: string, status: number, headers: IncomingHttpHeaders, body: string): KubeError {
  return errorFromStatus(doing, status, parseStatus(body), retryAfter(headers['retry-after']));
}

/** The same for a Status object that came as a watch event. */
export function errorFromStatus(
  doing: string,
  httpStatus: number,
  answer: Readonly<Record<string, unknown>>,
  retryAfterMs?: number,
): KubeError {
  const reason = plainText(answer['reason'], 64);
  const details = asRecord(answer['details']);
  const kind = plainText(details['kind']);
  const name = plainText(details['name'], 253);
  const causes = causesOf(details['causes']);
  // Looked at for a few fixed patterns, and dropped: it may quote the data of a Secret.
  const message = typeof answer['message'] === 'string' ? answer['message'] : '';
  const denial = denialOf(httpStatus, message);
  const quota = httpStatus === 403 ? quotaPattern.exec(message)?.[1] : undefined;
  const terminating = causes.some((cause) => cause.reason === 'NamespaceTerminating');
  const seconds = details['retryAfterSeconds'];

  const notes = [
    ...causes.flatMap(({ field }) => field ?? []),
    ...(denial === undefined ? [] : [`denied by ValidatingAdmissionPolicy ${denial.policy}`]),
    ...(denial?.policyMessage === undefined ? [] : [denial.policyMessage]),
    ...(denial?.policyParametersMissing ? ['its parameters do not exist'] : []),
    ...(quota === undefined ? [] : [`quota ${quota} is used up`]),
    ...(terminating ? ['the namespace is being deleted'] : []),
    ...(httpStatus === 404 && kind === 'namespaces' && name !== undefined ? [`namespace ${name} does not exist`] : []),
    ...(httpStatus === 401 ? ['the API server does not accept the credentials of this kubeconfig'] : []),
  ];
  const summary = `${doing}: ${httpStatus}${reason === undefined ? '' : ` ${reason}`}`;
  return new KubeError(
    codeOf(httpStatus, reason, message),
    notes.length === 0 ? summary : `${summary} (${notes.join('; ')})`,
    {
      status: httpStatus,
      reason,
      kind,
      name,
      causes,
      ...denial,
      quota,
      terminating,
      retryAfterMs: retryAfterMs ?? (typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : undefined),
    },
  );
}

function parseStatus(body: string): Readonly<Record<string, unknown>> {
  try {
    return asRecord(JSON.parse(body));
  } catch {
    return {}; // a proxy's page, or nothing: the HTTP status says enough
  }
}

function causesOf(value: unknown): readonly KubeErrorCause[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, 20).flatMap((item: unknown) => {
    const field = plainText(asRecord(item)['field']);
    const reason = plainText(asRecord(item)['reason'], 64);
    if (field === undefined && reason === undefined) return [];
    return [{ ...(field === undefined ? {} : { field }), ...(reason === undefined ? {} : { reason }) }];
  });
}

interface Denial {
  readonly policy: string;
  readonly policyMessage?: string;
  readonly policyParametersMissing: boolean;
}

// From the start of the message, so that a quoted value cannot pose as a denial.
const quotaPattern = /^\S+ "[^"]*" is forbidden: exceeded quota: ([a-z0-9.-]{1,253}),/;
const denialPattern =
  /^(?:\S+ "[^"]*" is forbidden: )?ValidatingAdmissionPolicy '([a-z0-9.-]{1,253})' with binding '[a-z0-9.-]{1,253}' denied request: ([^\n]*)/;

function denialOf(status: number, message: string): Denial | undefined {
  if (status < 400 || status >= 500) return undefined;
  const match = denialPattern.exec(message);
  if (match === null) return undefined;
  const [, policy = '', text = ''] = match;
  const ours = text.startsWith('hikyaku: ') ? text.slice(0, 300) : undefined;
  return {
    policy,
    ...(ours === undefined ? {} : { policyMessage: ours }),
    policyParametersMissing: text.includes('no params found for policy binding'),
  };
}

function codeOf(status: number, reason: string | undefined, message: string): KubeErrorCode {
  switch (status) {
    case 400:
      return 'BAD_REQUEST';
    case 401:
      return 'UNAUTHENTICATED';
    case 403:
      return 'FORBIDDEN';
    case 404:
      return 'NOT_FOUND';
    case 408:
      return 'UNAVAILABLE';
    case 409:
      return reason === 'AlreadyExists' ? 'ALREADY_EXISTS' : 'CONFLICT';
    case 410:
      return 'GONE';
    case 413:
      return 'TOO_LARGE';
    case 422:
      return 'INVALID';
    case 429:
      return 'RATE_LIMITED';
    default:
      if (status < 500) return 'UNEXPECTED';
      // etcd's own limits come as a 500.
      return /request is too large|message larger than max/.test(message) ? 'TOO_LARGE' : 'UNAVAILABLE';
  }
}

function retryAfter(header: string | string[] | undefined): number | undefined {
  if (typeof header !== 'string') return undefined;
  const seconds = Number(header);
  const delayMs = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - Date.now();
  return delayMs >= 0 ? delayMs : undefined;
}
