export interface FakeProtocolAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export function json(status: number, body: unknown): FakeProtocolAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

/** The JSON in which a service of the protocol says no. */
export function refuse(status: number, code: string, message: string): FakeProtocolAnswer {
  return json(status, { error: { code, message } });
}
