import { setTimeout as sleep } from 'node:timers/promises';
import { untilAborted } from '@hikyaku/core';
import type { CallOptions } from '@hikyaku/core';
import { Opener, SealedError } from '@hikyaku/sealing';
import type { Opened } from '@hikyaku/sealing';
import type { OwnIdentity } from '../identity/own-identity.ts';

/** Sources that start together ask together; one process opens for all of them. */
const GATHER_MS = 20;
/** For a child process that hangs. */
const TIMEOUT_MS = 30_000;

type Answer = Opened | SealedError;

interface Batch {
  readonly texts: string[];
  readonly answers: Promise<readonly Answer[]>;
}

/** Opens sealed values with the identities of this process, each once; all sources share it. */
export class SealedValues {
  readonly identity: OwnIdentity;
  /** When a value was last given out, by its path in the config; milliseconds of the wall clock. */
  readonly usedAt = new Map<string, number>();
  readonly #opener: Pick<Opener, 'open' | 'recipientsOf'>;
  /** With the identities below, by text. */
  readonly #opened = new Map<string, Promise<Answer>>();
  #identities: readonly string[] = [];
  #batch: Batch | undefined;

  constructor(identity: OwnIdentity, opener: Pick<Opener, 'open' | 'recipientsOf'> = new Opener()) {
    this.identity = identity;
    this.#opener = opener;
  }

  /** Throws a SealedError; what the identity rejects with; whatever the child process fails with. */
  async open(text: string, { signal }: CallOptions): Promise<Opened> {
    const identities = await this.identity.identities({ signal });
    if (!sameTexts(identities, this.#identities)) {
      this.#identities = identities;
      this.#opened.clear();
      this.#batch = undefined;
    }
    let opening = this.#opened.get(text);
    if (opening === undefined) {
      opening = this.#openSoon(text);
      this.#opened.set(text, opening);
      const started = opening;
      opening.catch(() => {
        // Not the value's fault: tried again the next time.
        if (this.#opened.get(text) === started) this.#opened.delete(text);
      });
    }
    const answer = await untilAborted(opening, { signal });
    if (answer instanceof SealedError) throw answer;
    return answer;
  }

  /** The public keys of our identities. */
  async recipients({ signal }: CallOptions): Promise<readonly string[]> {
    return await this.#opener.recipientsOf(await this.identity.identities({ signal }), { signal });
  }

  async #openSoon(text: string): Promise<Answer> {
    this.#batch ??= this.#gather(this.#identities);
    const { texts, answers } = this.#batch;
    const index = texts.push(text) - 1;
    const answer = (await answers)[index];
    if (answer === undefined) throw new TypeError('the opener gave fewer answers than it was asked for');
    return answer;
  }

  #gather(identities: readonly string[]): Batch {
    const texts: string[] = [];
    const open = async (): Promise<readonly Answer[]> => {
      await sleep(GATHER_MS);
      if (this.#batch === batch) this.#batch = undefined;
      return await this.#opener.open(texts, identities, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    };
    const batch: Batch = { texts, answers: open() };
    return batch;
  }
}

function sameTexts(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, index) => text === other[index]);
}
