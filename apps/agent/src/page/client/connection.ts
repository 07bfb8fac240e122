interface Hello {
  readonly build: string;
  readonly now: number;
}

export interface ConnectionOptions {
  readonly url: () => string;
  readonly onHello: (hello: Hello) => void;
  readonly onBeat: (beat: { readonly now: number }) => void;
  readonly onShow: (text: string) => void;
}

/** The agent is heard at least every 10 s. */
const SILENT_MS = 25_000;
const AGAIN_MS = 1_000;
const AGAIN_AT_MOST_MS = 5_000;

/** To the agent, for ever: opened again when it is lost, and said so meanwhile. */
export class Connection {
  readonly #options: ConnectionOptions;
  #source: EventSource | undefined;
  #lostAt: Date | undefined;
  #failures = 0;
  #again: ReturnType<typeof setTimeout> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    // Asleep or away, it may have been lost without a word.
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible' && this.#lostAt !== undefined) this.open();
    });
    addEventListener('online', () => this.open());
  }

  open(): void {
    clearTimeout(this.#again);
    this.#source?.close();
    const source = new EventSource(this.#options.url());
    this.#source = source;
    this.#waitForWords();
    const on = (event: string, take: (text: string) => void) =>
      source.addEventListener(event, ({ data }: MessageEvent<string>) => {
        this.#heard();
        take(data);
      });
    on('hello', (text) => this.#options.onHello(JSON.parse(text)));
    on('beat', (text) => this.#options.onBeat(JSON.parse(text)));
    on('show', this.#options.onShow);
    source.addEventListener('error', () => this.#lost());
  }

  #heard(): void {
    this.#waitForWords();
    this.#failures = 0;
    this.#lostAt = undefined;
    tell('live', 'live', '');
    delete document.documentElement.dataset['lost'];
  }

  /** Also for the first: what is between may take a connection and lead it nowhere. */
  #waitForWords(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#lost(), SILENT_MS);
  }

  #lost(): void {
    clearTimeout(this.#silence);
    this.#source?.close();
    this.#lostAt ??= new Date();
    document.documentElement.dataset['lost'] = '';
    const since = this.#lostAt.toLocaleTimeString();
    tell(
      'lost',
      'not live',
      `Connection lost since ${since}. What stands here is of then; it goes on by itself as soon as the agent answers.`,
    );
    clearTimeout(this.#again);
    this.#again = setTimeout(() => this.open(), Math.min(AGAIN_MS * 1.5 ** this.#failures, AGAIN_AT_MOST_MS));
    this.#failures += 1;
  }
}

function tell(state: string, word: string, banner: string): void {
  const live = document.getElementById('live');
  if (live !== null) live.dataset['state'] = state;
  for (const [id, text] of [['live-word', word] as const, ['lost', banner] as const]) {
    const element = document.getElementById(id);
    if (element !== null && element.textContent !== text) element.textContent = text;
  }
}
