import { readFile } from 'node:fs/promises';
import { isProviderError, ProviderError } from '@hikyaku/core';
import type { CheckResult } from '@hikyaku/provider-testing';
import type { Edge } from '../edge.ts';
import { EXIT } from '../exit-code.ts';
import type { ExitCode } from '../exit-code.ts';
import type { GlobalOptions } from '../global-options.ts';
import { styleFor } from '../output/style.ts';
import type { Style } from '../output/style.ts';
import { UserError } from '../user-error.ts';

export interface ConformanceOptions extends Pick<GlobalOptions, 'json'> {
  /** The environment variable that holds the token. */
  readonly tokenEnv: string;
  /** Secrets of the suite may be made, changed and removed. */
  readonly write?: boolean;
  /** The name of a secret that is there. */
  readonly present?: string;
  /** The path of a PEM file. */
  readonly ca?: string;
}

/** Checks a service that runs against the hikyaku protocol. */
export async function conformance(url: string, options: ConformanceOptions, edge: Edge): Promise<ExitCode> {
  const { json = false, present, write = false } = options;
  const token = edge.env[options.tokenEnv] ?? '';
  const ca = options.ca === undefined ? undefined : await readCertificates(options.ca);
  const [{ default: webhook }, { LiveService }] = await Promise.all([
    import('@hikyaku/provider-webhook'),
    import('@hikyaku/provider-testing'),
  ]);
  const config = { protocol: 'hikyaku', url };
  const { issues } = await webhook.config['~standard'].validate(config);
  if (issues !== undefined) throw new UserError(`${url}: ${issues.map(({ message }) => message).join('; ')}`);

  const opening = LiveService.open(webhook, {
    config,
    signal: edge.signal,
    write,
    ...(token !== '' && { credentials: { token } }),
    ...(present !== undefined && { present }),
    ...(ca !== undefined && { ca }),
  });
  await using service = await opening.catch((error: unknown) => {
    throw inItsWords(error, url, options.tokenEnv, token);
  });

  const style = styleFor(edge, edge.stdout);
  const results: CheckResult[] = [];
  for await (const result of service.check()) {
    results.push(result);
    if (!json) edge.stdout.write(lineOf(result, style));
  }
  edge.stdout.write(json ? jsonOf(url, results) : summaryOf(results, style));
  return countOf(results, 'failed') > 0 ? EXIT.failed : EXIT.fine;
}

/** What the provider says of a config file is said of this command: there is none. */
function inItsWords(error: unknown, url: string, tokenEnv: string, token: string): unknown {
  if (!isProviderError(error)) return error;
  if (error.code === 'INVALID_CONFIG') return new UserError(error.message);
  if (error.code !== 'UNAUTHENTICATED') return error;
  if (token === '')
    return new UserError(
      `${url} wants a token: put it into the environment variable ${tokenEnv}, or name another one by --token-env`,
    );
  return new ProviderError(error.code, `${url} refuses the token in the environment variable ${tokenEnv}`, {
    cause: error,
  });
}

async function readCertificates(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    throw new UserError(`the CA file ${path} cannot be read`);
  }
}

/** What is not checked stands in the summary. */
function lineOf(result: CheckResult, style: Style): string {
  switch (result.outcome) {
    case 'passed':
      return `${style.good('✓')} ${result.title}\n`;
    case 'failed':
      return `${style.bad('✗')} ${result.title}\n${result.error.message.replaceAll(/^/gm, '    ')}\n`;
    case 'not checked':
      return '';
    default:
      return result satisfies never;
  }
}

function summaryOf(results: readonly CheckResult[], style: Style): string {
  const failed = countOf(results, 'failed');
  const left = results.filter((result) => result.outcome === 'not checked');
  const line = `${countOf(results, 'passed')} passed, ${failed} failed, ${left.length} not checked`;
  const reasons = [...Map.groupBy(left, ({ reason }) => reason)].map(([reason, ofReason]) => {
    const needs = [...new Set(ofReason.flatMap(({ need }) => need ?? []))].join(', ');
    return `  ${String(ofReason.length).padStart(3)}  ${reason}${needs === '' ? '' : ` (${needs})`}\n`;
  });
  return [
    ...(left.length > 0 ? [`\nNot checked:\n${style.faint(reasons.join(''))}`] : []),
    `\n${failed === 0 ? style.good(line) : style.bad(line)}\n`,
    ...(failed > 0 ? ['What a service must answer: docs/protocol.md\n'] : []),
  ].join('');
}

function jsonOf(url: string, results: readonly CheckResult[]): string {
  const checks = results.map((result) => {
    const { title, outcome } = result;
    if (result.outcome === 'not checked') return { title, outcome, reason: result.reason };
    if (result.outcome === 'passed') return { title, outcome };
    const { got, expected, contract } = result.error;
    return { title, outcome, got, expected, contract };
  });
  const counts = {
    passed: countOf(results, 'passed'),
    failed: countOf(results, 'failed'),
    notChecked: countOf(results, 'not checked'),
  };
  return `${JSON.stringify({ url, ...counts, checks }, null, 2)}\n`;
}

function countOf(results: readonly CheckResult[], outcome: CheckResult['outcome']): number {
  return results.filter((result) => result.outcome === outcome).length;
}
