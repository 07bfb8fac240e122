export { listen } from './listen.ts';
export type { ListeningServer } from './listen.ts';
export { openDispatcher } from './open-dispatcher.ts';
export type { OpenDispatcher } from './open-dispatcher.ts';
export { selfSignedCertificate } from './self-signed-certificate.ts';
export type { SelfSignedCertificate } from './self-signed-certificate.ts';
