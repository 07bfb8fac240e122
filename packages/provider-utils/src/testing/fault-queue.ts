/** Faults for the next requests of a fake server, used up one after the other. */
export class FaultQueue<Fault extends { readonly times?: number }> {
  #waiting: { readonly fault: Fault; left: number }[] = [];

  /** For `times` requests; 1 by default. */
  add(fault: Fault): void {
    this.#waiting.push({ fault, left: fault.times ?? 1 });
  }

  /** The first that fits the request, which uses up one of its times. */
  take(fits: (fault: Fault) => boolean): Fault | undefined {
    const next = this.#waiting.find(({ fault }) => fits(fault));
    if (next !== undefined && --next.left === 0) this.#waiting = this.#waiting.filter((one) => one !== next);
    return next?.fault;
  }

  clear(ends: (fault: Fault) => boolean = () => true): void {
    this.#waiting = this.#waiting.filter(({ fault }) => !ends(fault));
  }
}
