import { request } from 'node:https';

export interface ApiEndpoint {
  readonly url: string;
  /** PEM. Without it the system's authorities count. */
  readonly ca?: string | Buffer | undefined;
  readonly token?: string | undefined;
  readonly certificate?: Buffer | undefined;
  readonly key?: Buffer | undefined;
  readonly insecure?: boolean | undefined;
}

export interface ApiRequest {
  readonly method?: string;
  readonly path: string;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

export interface ApiResponse {
  readonly status: number;
  readonly text: string;
}

/** One request on a connection of its own: a pooled one would outlive a killed server and fail the first request to the next. */
export function apiRequest(
  endpoint: ApiEndpoint,
  { method = 'GET', path, body, signal }: ApiRequest,
): Promise<ApiResponse> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      endpoint.url + path,
      {
        method,
        agent: false,
        timeout: 10_000,
        ca: endpoint.ca,
        cert: endpoint.certificate,
        key: endpoint.key,
        rejectUnauthorized: !endpoint.insecure,
        headers: {
          ...(endpoint.token === undefined ? {} : { authorization: `Bearer ${endpoint.token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(signal === undefined ? {} : { signal }),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer from ${endpoint.url} in 10 s`)));
    outgoing.on('error', reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
