/** Shows on one line of a terminal how far a run is, and redraws that line. */
import { formatNumber } from "./figures.ts";

const BAR_CELLS = 24;
const CLEAR_LINE = "\r\x1b[K";

export class ProgressBar {
  readonly #write: ((text: string) => void) | null;
  #step = "";
  #isShown = false;

  /** `write` writes to the terminal; null if there is none, and nothing is shown. */
  constructor(write: ((text: string) => void) | null) {
    this.#write = write;
  }

  /** Shows what is being done now. */
  step(text: string): void {
    this.#step = text;
    this.show(null, "");
  }

  /** `share` is how much of the run is done, from 0 to 1; null if that is unknown. */
  show(share: number | null, details: string): void {
    if (this.#write === null) return;
    const bar = share === null ? "" : ` ${barOf(Math.min(share, 1))}`;
    this.#isShown = true;
    this.#write(`${CLEAR_LINE}${this.#step}${bar}${details === "" ? "" : `  ${details}`}`);
  }

  clear(): void {
    if (this.#isShown) this.#write?.(CLEAR_LINE);
    this.#isShown = false;
  }
}

function barOf(share: number): string {
  const full = Math.floor(share * BAR_CELLS);
  const percent = formatNumber(Math.floor(share * 100)).padStart(3);
  return `${"█".repeat(full)}${"░".repeat(BAR_CELLS - full)} ${percent} %`;
}
