/** Why a value cannot be changed in place: one line for who asked for it. Never quotes the file. */
export class ConfigEditError extends Error {
  override readonly name = 'ConfigEditError';
}

export function byHand(): ConfigEditError {
  return new ConfigEditError('the value is written in a way that cannot be changed in place: edit it by hand');
}
