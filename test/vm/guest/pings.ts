/** Pings, single and in a row. */
import { ChildProcess } from "../../support/process/child-process.ts";
import { type Address, inside } from "./network.ts";

/** One is answered within a second. */
export async function isAnswered(namespace: string, address: string): Promise<boolean> {
  const command = inside(namespace, "ping", "-c", "1", "-W", "1", address);
  return (await Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr: "ignore" }).exited) === 0;
}

/** A ping each 50 ms, from one namespace to both addresses, until it is asked for the lost ones. */
export class Pings implements AsyncDisposable {
  readonly #streams: readonly PingStream[];

  private constructor(namespace: string, address: Address) {
    this.#streams = [new PingStream(namespace, address.ipv4), new PingStream(namespace, address.ipv6)];
  }

  /** Gives back pings of which the first are answered. */
  static async start(namespace: string, address: Address): Promise<Pings> {
    const pings = new Pings(namespace, address);
    try {
      await Promise.all(pings.#streams.map((stream) => stream.answeredAgain()));
      return pings;
    } catch (error) {
      await pings[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Those without an answer, of all sent until now, as a text; "": there are none. */
  async lost(): Promise<string> {
    await Promise.all(this.#streams.map((stream) => stream.answeredAgain()));
    return this.#streams.flatMap((stream) => stream.lost()).join("; ");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stream of this.#streams) await stream[Symbol.asyncDispose]();
  }
}

class PingStream implements AsyncDisposable {
  readonly #address: string;
  readonly #ping: ChildProcess;

  constructor(namespace: string, address: string) {
    this.#address = address;
    this.#ping = new ChildProcess({ command: inside(namespace, "ping", "-i", "0.05", address) });
  }

  /** The sequence numbers answered, from 0 on. */
  get #answered(): number[] {
    return this.#ping.stdoutLines.flatMap((line) => {
      const [, number] = /seq=(\d+)/.exec(line) ?? [];
      return number === undefined ? [] : [Number(number)];
    });
  }

  /** Waits for answers to pings that are not sent yet. */
  async answeredAgain(): Promise<void> {
    const last = Math.max(-1, ...this.#answered);
    await this.#ping.until(`answers from ${this.#address}`, () =>
      Math.max(-1, ...this.#answered) >= last + 5 ? true : undefined,
    );
  }

  /** The pings without an answer although later ones have one. */
  lost(): string[] {
    const answered = new Set(this.#answered);
    const last = Math.max(-1, ...answered);
    const missing = Array.from({ length: last + 1 }, (_, index) => index).filter((one) => !answered.has(one));
    return missing.length === 0 ? [] : [`${this.#address}: ${missing.join(" ")} of ${last + 1}`];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ping[Symbol.asyncDispose]();
  }
}
