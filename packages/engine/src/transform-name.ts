import type { NameTransform } from './secret-spec.ts';

/**
 * Changes a name such as `SMTP__USER_NAME` as Doppler's name transformers do
 * (https://docs.doppler.com/docs/name-transformers); done here, so that it is the same for every provider.
 */
export function transformName(name: string, transform: NameTransform): string {
  switch (transform) {
    case 'camel': {
      const pascal = upperCamel(name);
      return pascal.charAt(0).toLowerCase() + pascal.slice(1);
    }
    case 'upper-camel':
      return upperCamel(name);
    case 'lower-snake':
      return name.toLowerCase();
    case 'lower-kebab':
      return name.toLowerCase().replaceAll('_', '-');
    case 'tf-var':
      return `TF_VAR_${name.toLowerCase()}`;
    case 'dotnet':
      return name.split('__').map(upperCamel).join(':');
    case 'dotnet-env':
      return name.split('__').map(upperCamel).join('__');
  }
}

function upperCamel(name: string): string {
  return name
    .toLowerCase()
    .split('_')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
}
