import { describe, expect, test } from 'vitest';
import { path, withQuery } from './path.ts';

describe('path', () => {
  test('a segment cannot become several, or a query', () => {
    expect(path`/api/v1/namespaces/${'a/b?c#d'}/secrets/${'é'}`).toBe(
      '/api/v1/namespaces/a%2Fb%3Fc%23d/secrets/%C3%A9',
    );
  });

  test.each(['', '.', '..'])('a segment that would name another object is refused: "%s"', (segment) => {
    expect(() => path`/api/v1/namespaces/${segment}`).toThrow(TypeError);
  });

  test('undefined parameters are left out', () => {
    expect(withQuery('/a', { limit: 5, continue: undefined, watch: true })).toBe('/a?limit=5&watch=true');
    expect(withQuery('/a', { continue: undefined })).toBe('/a');
  });
});
