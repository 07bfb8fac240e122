import { printable } from '../output/printable.ts';
import type { Style } from '../output/style.ts';
import type { ExposedCredential, ExposedSource, Exposure } from './exposure.ts';

/** A checklist in Markdown, in an order that works. */
export function exposureText(exposure: Exposure, style: Style): string {
  const { cluster, state, keys, sources } = exposure;
  const title = (text: string) => `${style.strong(`## ${printable(text)}`)}\n\n`;
  const step = (text: string) => `- [ ] ${printable(text)}\n`;
  const fact = (text: string) => `- ${printable(text)}\n`;
  const exposed = sources.filter(({ credentials }) => credentials.length > 0);
  const others = [...new Set(exposed.flatMap(({ credentials }) => credentials.flatMap((one) => one.others)))];

  return [
    `${style.strong(`# What ${printable(cluster)} can read, and what to do when it is stolen`)}\n\n`,
    `${printable(introduction(exposure))}\n`,
    keys.length === 0 ? '' : `Its ${keys.length === 1 ? 'key' : 'keys'}: ${printable(keys.join(', '))}.\n`,
    '\n',
    state === 'gone'
      ? ''
      : [
          title('1. Seal nothing more to it'),
          step(`hikyaku recipients rm ${cluster}`),
          step('commit and push; what it has, it keeps: go on'),
          '\n',
        ].join(''),
    title(`${state === 'gone' ? 1 : 2}. Replace what it has`),
    ...(exposed.length === 0 ? ['Nothing: no credential is known to it.\n'] : []),
    others.length === 0
      ? ''
      : `In a hurry revoke first: in ${printable(others.join(', '))} the last good Secrets stay until the new ones are there.\n\n`,
    ...exposed.map((source) => sourceText(source)),
    title(`${state === 'gone' ? 2 : 3}. Change the values that it has read`),
    ...valuesText(),
    title(`${state === 'gone' ? 3 : 4}. Look again`),
    step(`hikyaku lint says nothing of ${cluster} any more`),
    step('sources that are gone from the config are not in this list: were their credentials revoked?'),
  ].join('');

  function sourceText({ name, opens, credentials }: ExposedSource): string {
    const unique = (texts: readonly (string | undefined)[]) => [...new Set(texts.flatMap((text) => text ?? []))];
    const pushes = credentials.some(({ seal }) => seal !== undefined);
    const shared = unique(credentials.flatMap((one) => one.others));
    return [
      `${style.strong(`### ${printable(name)}`)}\n\n`,
      fact(`opens ${opens}`),
      ...credentials.map((one) => fact(credentialText(one))),
      ...unique(credentials.map(({ replace }) => replace)).map(step),
      ...unique(
        credentials.map(({ seal, path }) => seal && (seal.startsWith('hikyaku') ? seal : `${path}: ${seal}`)),
      ).map(step),
      pushes
        ? step(
            `commit and push${shared.length === 0 ? '' : `; wait until the new one is in use in ${shared.join(', ')}`}`,
          )
        : '',
      ...unique(credentials.map(({ revoke }) => revoke)).map(step),
      '\n',
    ].join('');
  }

  function valuesText(): readonly string[] {
    const lines = sources.flatMap(({ name, opens, secrets, pushes, credentials }) => [
      ...(credentials.length === 0 ? [] : [step(`all that ${name} gives: ${opens}`)]),
      ...secrets.map(({ secret, keys: names }) =>
        step(`${state === 'gone' ? 'perhaps ' : ''}in use there: Secret ${secret}, from ${name}: ${names.join(', ')}`),
      ),
      ...pushes.map((push) => step(`carried from there to ${name}: Secret ${push}; look at what ${name} has of it`)),
    ]);
    return lines.length === 0 ? ['Nothing.\n\n'] : [...lines, '\n'];
  }
}

function introduction({ cluster, state }: Exposure): string {
  if (state === 'backup') return `${cluster} is a backup key: whoever has it opens everything that is sealed to it.`;
  if (state === 'gone')
    return `${cluster} is not among the recipients. What it could open once, it can read in the history of Git until it is replaced.`;
  return `${cluster} is a cluster. Whoever owns it has its key, and the Secrets in it.`;
}

function credentialText({ path, when, how, sealedAt, others }: ExposedCredential): string {
  const since = sealedAt === undefined ? '' : ` on ${sealedAt.slice(0, 10)}`;
  const history = when === 'past' ? ', and the history of Git still has that' : '';
  const shared = sealedAt === undefined ? 'perhaps the same as in' : 'the same as in';
  return `${path}: ${how}${since}${history}${others.length === 0 ? '' : `; ${shared} ${others.join(', ')}`}`;
}
