import { describe, expect, test } from 'vitest';
import type { NameTransform } from './secret-spec.ts';
import { transformName } from './transform-name.ts';

describe('as Doppler documents it', () => {
  test.each<[NameTransform, string, string]>([
    ['camel', 'API_KEY', 'apiKey'],
    ['upper-camel', 'API_KEY', 'ApiKey'],
    ['lower-snake', 'API_KEY', 'api_key'],
    ['tf-var', 'API_KEY', 'TF_VAR_api_key'],
    ['lower-kebab', 'API_KEY', 'api-key'],
    ['dotnet', 'SMTP__USER_NAME', 'Smtp:UserName'],
    ['dotnet-env', 'SMTP__USER_NAME', 'Smtp__UserName'],
  ])('%s makes %s %s', (transform, name, expected) => {
    expect(transformName(name, transform)).toBe(expected);
  });
});

test.each<[NameTransform, string, string]>([
  ['camel', 'A', 'a'],
  ['camel', 'OAUTH2_CLIENT_ID', 'oauth2ClientId'],
  ['camel', 'already_lower', 'alreadyLower'],
  ['upper-camel', 'KEY_2_B', 'Key2B'],
  ['lower-kebab', 'A__B', 'a--b'],
  ['dotnet', 'KEY', 'Key'],
  ['dotnet', 'A__B__C_D', 'A:B:CD'],
  ['camel', '', ''],
  ['camel', '_', ''],
])('%s makes %j %j', (transform, name, expected) => {
  expect(transformName(name, transform)).toBe(expected);
});
