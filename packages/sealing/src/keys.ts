/** 96 bits of SHA-256 of an age recipient, in hex: tells keys apart, for people to compare. */
export function fingerprintOf(_recipient: string): string {
  throw new Error('being written');
}

/** The identities of a file as `age-keygen` writes it: one per line, comments and blank lines left out. Throws a SealedError. */
export function parseIdentities(_text: string): readonly string[] {
  throw new Error('being written');
}

/** Throws a SealedError. */
export async function recipientOf(_identity: string): Promise<string> {
  throw new Error('being written');
}

/** A new X25519 identity, as the text of a file of `age-keygen`, and its public key. */
export async function generateIdentity(): Promise<{ readonly file: string; readonly recipient: string }> {
  throw new Error('being written');
}
