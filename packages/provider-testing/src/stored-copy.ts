import { SecretValue } from '@hikyaku/core';
import type { Secret, Snapshot } from '@hikyaku/core';

/** The snapshot as it comes back after a restart: all objects are new, and only what is stored is in it. */
export function storedCopy({ secrets, revision }: Snapshot): Snapshot {
  return {
    secrets: new Map([...secrets].map(([id, secret]) => [id, copyOf(secret)])),
    ...(revision !== undefined && { revision }),
  };
}

function copyOf({ value, version, readAt }: Secret): Secret {
  return {
    value: SecretValue.of(value.reveal()),
    ...(version !== undefined && { version }),
    ...(readAt !== undefined && { readAt }),
  };
}
