import { isNoticeCredential } from '@hikyaku/config';
import type { SourceConfig } from '@hikyaku/config';

/** Where a credential is replaced and how the old one is ended, for people. */
export interface Replacement {
  readonly replace: string;
  readonly revoke: string;
}

/** Which data the credentials of a source open. */
export function opensText({ provider, settings, description }: SourceConfig): string {
  const where = description.origins.length === 0 ? '' : ` (${description.origins.join(', ')})`;
  const text = (key: string) => settingOf(settings, key);
  switch (provider.type) {
    case 'doppler':
      return `${dopplerConfig(text('project'), text('config'))} of Doppler${where}`;
    case 'sakura':
      return `vault ${text('vault') ?? ''} of SAKURA Cloud Secret Manager${where}`;
    case 'webhook':
      return `what ${text('url') ?? 'the service'} gives`;
    case 'kubernetes':
      return `Secrets of namespace ${text('namespace') ?? ''} in ${text('server') ?? 'its own cluster'}`;
    case 'file':
      return `the files at ${text('path') ?? ''}, in that cluster`;
    default:
      return `what ${description.identity} has${where}`;
  }
}

export function replacementOf({ provider, settings, description }: SourceConfig, field: string): Replacement {
  const text = (key: string) => settingOf(settings, key);
  const owner = description.origins.join(', ') || provider.type;
  if (isNoticeCredential(field))
    return {
      replace: `have ${owner} sign its notices with another secret`,
      revoke: 'the old secret ends with that: it only lets somebody have the agents read sooner',
    };
  switch (provider.type) {
    case 'doppler': {
      // https://docs.doppler.com/docs/service-tokens
      const place = `https://dashboard.doppler.com, ${dopplerConfig(text('project'), text('config'))}, tab Access`;
      return {
        replace: `make a new service token: ${place}`,
        revoke: `revoke the old service token: ${place}`,
      };
    }
    case 'sakura':
      // https://manual.sakura.ad.jp/cloud/api/apikey.html
      return {
        replace:
          'make a new API key in the control panel of SAKURA Cloud: https://secure.sakura.ad.jp/cloud/, API keys',
        revoke: 'delete the old API key there, which may open more than this vault',
      };
    case 'kubernetes':
      return {
        replace: `make a new kubeconfig for ${text('server') ?? 'that cluster'}, of another ServiceAccount`,
        revoke: 'delete the old ServiceAccount, which ends its tokens',
      };
    default:
      return {
        replace: `have whoever runs ${owner} issue another ${field}`,
        revoke: `have the old ${field} refused at ${owner}`,
      };
  }
}

function dopplerConfig(project: string | undefined, config: string | undefined): string {
  return project === undefined ? 'the config of the token' : `project ${project}, config ${config ?? ''}`;
}

function settingOf(settings: unknown, key: string): string | undefined {
  if (typeof settings !== 'object' || settings === null) return undefined;
  const found = Object.entries(settings).find(([name]) => name === key)?.[1];
  return typeof found === 'string' ? found : undefined;
}
