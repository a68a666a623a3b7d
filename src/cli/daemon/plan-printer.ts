/** Prints the plan of a dry run to stdout, one line per change to the kernel: all of it, however slow the reader is. */
import type { LineWriter } from "../program/output.ts";

export class PlanPrinter {
  readonly #out: Pick<LineWriter, "write" | "drained">;
  readonly #format: "text" | "json";
  #behind: string[] = [];
  #isCatchingUp = false;

  constructor(out: Pick<LineWriter, "write" | "drained">, format: "text" | "json") {
    this.#out = out;
    this.#format = format;
  }

  /** Prints one operation as an iproute2 command. */
  print(command: string): void {
    const time = new Date().toISOString();
    const text = this.#format === "text" ? command : JSON.stringify({ event: "kernel", time, command });
    const line = `${text}\n`;
    if (this.#behind.length === 0 && this.#out.write(line)) return;
    this.#behind.push(line);
    void this.#catchUp();
  }

  async #catchUp(): Promise<void> {
    if (this.#isCatchingUp) return;
    this.#isCatchingUp = true;
    while (this.#behind.length > 0) {
      await this.#out.drained();
      const lines = this.#behind;
      // Whatever its length, the writer takes it, unless other text was written in the meantime.
      if (this.#out.write(lines.join(""))) this.#behind = [];
    }
    this.#isCatchingUp = false;
  }
}
