import { isProviderError, ProviderError } from '@hikyaku/core';

/** The code of an error of the system (`ENOENT`), `undefined` for any other error. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && 'syscall' in error
    ? error.code
    : undefined;
}

/** Nothing is there, or something on the way to it is no directory. */
export function isMissing(error: unknown): boolean {
  const code = errnoOf(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** What the system's refusal to read `shown` means; what is no refusal of the system is thrown on. */
export function readError(error: unknown, shown: string): ProviderError {
  if (isProviderError(error)) return error;
  const code = errnoOf(error);
  switch (code) {
    case undefined:
      throw error;
    case 'ENOENT':
    case 'ENOTDIR':
      return new ProviderError('NOT_FOUND', `${shown} is not there: check the path, and that its volume is mounted`);
    case 'EACCES':
    case 'EPERM':
      return new ProviderError('FORBIDDEN', `${shown} may not be read (${code}): check its owner and mode`);
    case 'ELOOP':
      return new ProviderError('INVALID_CONFIG', `${shown} is a symbolic link that leads in a circle`);
    case 'ENAMETOOLONG':
      return new ProviderError('INVALID_CONFIG', `${shown} is too long for a path`);
    default:
      return new ProviderError('UNAVAILABLE', `${shown} cannot be read (${code}). It is tried again`);
  }
}

/** The same for writing. */
export function writeError(error: unknown, shown: string): ProviderError {
  if (isProviderError(error)) return error;
  const code = errnoOf(error);
  switch (code) {
    case undefined:
      throw error;
    case 'ENOENT':
    case 'ENOTDIR':
      return new ProviderError('NOT_FOUND', `${shown} cannot be written: its directory is not there`);
    case 'EROFS':
      return new ProviderError('FORBIDDEN', `${shown} cannot be written: it is mounted read-only`);
    case 'EACCES':
    case 'EPERM':
      return new ProviderError(
        'FORBIDDEN',
        `${shown} may not be written (${code}): check owner and mode of its directory`,
      );
    case 'EBUSY':
      return new ProviderError(
        'UNSUPPORTED',
        `${shown} cannot be replaced: it is a mount of its own. Mount the directory instead`,
      );
    case 'EISDIR':
    case 'ENAMETOOLONG':
      return new ProviderError('INVALID_CONFIG', `${shown} cannot be written (${code}): choose another name`);
    default:
      return new ProviderError('UNAVAILABLE', `${shown} cannot be written (${code})`);
  }
}
