export type { Binding } from './binding.ts';
export { fingerprintOf, generateIdentity, parseIdentities, recipientOf } from './keys.ts';
export { openWithPassphrase } from './open-with-passphrase.ts';
export { Opener } from './opener.ts';
export { open, readHeader, seal } from './seal.ts';
export type { Opened, SealedHeader, SealOptions } from './seal.ts';
export { SealedError } from './sealed-error.ts';
export type { SealedErrorCode } from './sealed-error.ts';
