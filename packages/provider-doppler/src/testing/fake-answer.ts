export interface FakeAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** The JSON in which Doppler says no. */
export function refuse(
  status: number,
  message: string | readonly string[],
  data?: Readonly<Record<string, unknown>>,
): FakeAnswer {
  return json(status, { messages: [message].flat(), success: false, ...(data && { data }) });
}

export function json(status: number, body: unknown): FakeAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}
