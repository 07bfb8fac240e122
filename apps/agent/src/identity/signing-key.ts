import { createPrivateKey, createPublicKey, generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';

/** What SAKURA takes: 2,048 to 4,096. */
const MODULUS_BITS = 2_048;

/** A new RSA private key, PKCS #8, PEM. */
export async function generateSigningKey(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', {
    modulusLength: MODULUS_BITS,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return privateKey;
}

/** Its public half, SPKI, PEM; `undefined` where it is no RSA private key. */
export function publicSigningKeyOf(signingKey: string): string | undefined {
  try {
    const key = createPrivateKey(signingKey);
    if (key.asymmetricKeyType !== 'rsa') return undefined;
    return createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();
  } catch {
    // Its message may quote the key.
    return undefined;
  }
}
