import { json } from '@hikyaku/provider-utils/testing';
import type { FakeAnswer } from '@hikyaku/provider-utils/testing';

/** The JSON in which Doppler says no. */
export function refuse(
  status: number,
  message: string | readonly string[],
  data?: Readonly<Record<string, unknown>>,
): FakeAnswer {
  return json(status, { messages: [message].flat(), success: false, ...(data && { data }) });
}
