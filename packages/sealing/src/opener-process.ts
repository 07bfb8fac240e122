import { text } from 'node:stream/consumers';
import { generateIdentity, recipientOf } from './identities.ts';
import { open } from './open.ts';
import { itemOfError, itemOfOpened } from './opener-messages.ts';
import type { AnswerItem, OpenerRequest } from './opener-messages.ts';
import { SealedError } from './sealed-error.ts';

// The child process of an Opener: it reads one request, answers it, and ends.
const request = JSON.parse(await text(process.stdin)) as OpenerRequest;
process.stdout.write(JSON.stringify(await answer(request)));

async function answer(asked: OpenerRequest): Promise<readonly AnswerItem[]> {
  switch (asked.do) {
    case 'open':
      return eachOf(asked.texts, async (sealed) => itemOfOpened(await open(sealed, asked.identities)));
    case 'recipientsOf':
      return eachOf(asked.identities, async (identity) => ({ recipient: await recipientOf(identity) }));
    case 'generate':
      return [{ ...(await generateIdentity()) }];
  }
}

async function eachOf(
  things: readonly string[],
  work: (thing: string) => Promise<AnswerItem>,
): Promise<readonly AnswerItem[]> {
  const items: AnswerItem[] = [];
  for (const thing of things) {
    try {
      items.push(await work(thing));
    } catch (error) {
      if (!(error instanceof SealedError)) throw error;
      items.push(itemOfError(error));
    }
  }
  return items;
}
