export { changeJson, halve, json, page, redirect } from './fake-answer.ts';
export type { FakeAnswer, FakeDelivery } from './fake-answer.ts';
export { FaultQueue } from './fault-queue.ts';
export { listen } from './listen.ts';
export type { ListeningServer, ListenOptions } from './listen.ts';
export { hideCredential, parseJson, receiveBody } from './received.ts';
export { selfSignedCertificate } from './self-signed-certificate.ts';
export type { SelfSignedCertificate } from './self-signed-certificate.ts';
export { sendAnswer, statusSeen } from './send-answer.ts';
