import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { parseDownload } from './parse-download.ts';

const MANAGED = '"DOPPLER_PROJECT":"homelab","DOPPLER_CONFIG":"prd","DOPPLER_ENVIRONMENT":"prd"';
const config = { url: 'https://api.doppler.com', managedSecrets: false, project: 'homelab', config: 'prd' };

function parse(json: string, more: object = {}) {
  return parseDownload(Buffer.from(json), { ...config, ...more });
}

test('__proto__ is a name like any other', () => {
  const { secrets } = parse(`{${MANAGED},"__proto__":"a","constructor":"b"}`);
  expect([...secrets.keys()]).toEqual(['__proto__', 'constructor']);
  expect(secrets.get('__proto__')?.value.text()).toBe('a');
});

test('an empty value is a value, and null is not', () => {
  const { secrets, unknown } = parse(`{${MANAGED},"EMPTY":"","PIN":null}`);
  expect(secrets.get('EMPTY')?.value.byteLength).toBe(0);
  expect(secrets.has('PIN')).toBe(false);
  expect(unknown.get('PIN')).toMatchObject({
    code: 'FORBIDDEN',
    message: expect.stringContaining('Use a service token'),
  });
});

test('what Doppler adds is left out unless it is wanted', () => {
  expect(parse(`{${MANAGED}}`).secrets.size).toBe(0);
  expect([...parse(`{${MANAGED}}`, { managedSecrets: true }).secrets.keys()]).toEqual([
    'DOPPLER_PROJECT',
    'DOPPLER_CONFIG',
    'DOPPLER_ENVIRONMENT',
  ]);
});

test.each([
  ['{}', 'missing'],
  ['{"A":"1"}', 'missing'],
  ['{"DOPPLER_PROJECT":null,"DOPPLER_CONFIG":"prd"}', 'missing'],
  ['[]', 'not a JSON object'],
  ['"text"', 'not a JSON object'],
  ['null', 'not a JSON object'],
  [`{${MANAGED},"A":{"computed":"s3cr3t"}}`, 'neither a string'],
  [`{${MANAGED},"A":1}`, 'neither a string'],
  [`{${MANAGED},"A":"\\ud800"}`, 'well-formed'],
  [`{${MANAGED},"A\\u0000B":"1"}`, 'name'],
  [`{${MANAGED},"A":"s3cr3t`, 'not JSON'],
  [`s3cr3t`, 'not JSON'],
  ['', 'not JSON'],
])('%j is INVALID_RESPONSE, and the error quotes nothing of it', (json, because) => {
  let error: unknown;
  try {
    parse(json);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ code: 'INVALID_RESPONSE', message: expect.stringContaining(because) });
  expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('s3cr3t');
});

test('bytes that are not UTF-8 are INVALID_RESPONSE, not other characters', () => {
  expect(() => parseDownload(Buffer.from(`{${MANAGED},"A":"\xff"}`, 'latin1'), config)).toThrow('not JSON');
});

test('another project or config than the configured one is INVALID_CONFIG and names both', () => {
  expect(() => parse(`{${MANAGED}}`, { config: 'dev' })).toThrow(
    expect.objectContaining({
      code: 'INVALID_CONFIG',
      message: expect.stringContaining(
        'the token opens project homelab config prd, the file says project homelab config dev',
      ),
    }),
  );
  expect(() => parse(`{${MANAGED}}`, { project: 'other' })).toThrow('the file says project other config prd');
  expect(parse(`{${MANAGED}}`, { project: undefined, config: undefined }).secrets.size).toBe(0);
});
