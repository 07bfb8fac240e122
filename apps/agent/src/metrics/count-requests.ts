import type { Dispatcher } from 'undici';
import { failureClass, statusClass } from './answer-class.ts';

/** Says once of each request that went out, or could not, what came of it: {@link statusClass} or {@link failureClass}. */
export function countRequests(said: (answer: string) => void): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) => dispatch(options, new Counting(handler, said));
}

class Counting implements Dispatcher.DispatchHandler {
  readonly #handler: Dispatcher.DispatchHandler;
  #say: ((answer: string) => void) | undefined;
  #isSent = false;

  constructor(handler: Dispatcher.DispatchHandler, say: (answer: string) => void) {
    this.#handler = handler;
    this.#say = say;
  }

  onRequestStart(...given: Parameters<Required<Dispatcher.DispatchHandler>['onRequestStart']>): void {
    this.#handler.onRequestStart?.(...given);
  }

  onRequestUpgrade(...given: Parameters<Required<Dispatcher.DispatchHandler>['onRequestUpgrade']>): void {
    this.#once(statusClass(given[1]));
    this.#handler.onRequestUpgrade?.(...given);
  }

  onResponseStart(...given: Parameters<Required<Dispatcher.DispatchHandler>['onResponseStart']>): void {
    // What comes before the answer is none.
    if (given[1] >= 200) this.#once(statusClass(given[1]));
    this.#handler.onResponseStart?.(...given);
  }

  onResponseData(...given: Parameters<Required<Dispatcher.DispatchHandler>['onResponseData']>): void {
    this.#handler.onResponseData?.(...given);
  }

  onResponseEnd(...given: Parameters<Required<Dispatcher.DispatchHandler>['onResponseEnd']>): void {
    this.#handler.onResponseEnd?.(...given);
  }

  onResponseError(...given: Parameters<Required<Dispatcher.DispatchHandler>['onResponseError']>): void {
    const [controller, error] = given;
    const known = failureClass(error);
    // Who gives up may say why in any words.
    const why = known === 'failed' && isAborted(controller) ? 'aborted' : known;
    // Who gave up before it was its turn has asked nobody.
    if (this.#isSent || why !== 'aborted') this.#once(why);
    this.#handler.onResponseError?.(...given);
  }

  onResponseStarted(): void {
    this.#handler.onResponseStarted?.();
  }

  onBodySent(chunk: Buffer): void {
    this.#isSent = true;
    this.#handler.onBodySent?.(chunk);
  }

  onRequestSent(): void {
    this.#isSent = true;
    this.#handler.onRequestSent?.();
  }

  #once(answer: string): void {
    this.#say?.(answer);
    this.#say = undefined;
  }
}

/** A request that ends before it was its turn has no controller, whatever the types say. */
function isAborted(controller: Dispatcher.DispatchController | null): boolean {
  return controller?.aborted === true;
}
