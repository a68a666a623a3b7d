/**
 * Scenarios as data: a server on a network in memory, raw peers that send and receive frames, and a clock. Steps:
 *
 *     a opens                          connects, and sends nothing
 *     a connects [with keepalive 1] [as server]      and is ESTABLISHED; the handshake's frames are forgotten
 *     a sends FRAME; FRAME             in one write; frames as in frame-text.ts
 *     a sends byte by byte FRAME; …    each in a write of its own
 *     a sends 20000 times FRAME; …     in writes of a hundred times
 *     a receives FRAME; FRAME | nothing              exactly this, in this order, since the last time
 *     a receives, in any order, FRAME; …
 *     a keeps alive | falls silent     a KEEPALIVE each 5 seconds by itself; the answers are not shown
 *     a disconnects | breaks off       in order, or not
 *     a stops reading | reads again
 *     a is established
 *     a is closed for REASON           by the server or by itself, as the server sees it
 *     clock +3000                      milliseconds
 *     server knows ROUTE; ROUTE | nothing
 *     server counts NAME 1             "unmatchedRemoves", "repeatedHellos", or a skip code
 *
 * All that a step sets off happens before the next one, but for what waits for the clock.
 */

import { type Logger, silentLogger } from "../../../src/base/logger.ts";
import { formatRoute } from "../../../src/route/announcement-text.ts";
import type { ServerOptions } from "../../../src/server/options.ts";
import { Server } from "../../../src/server/server.ts";
import { frameOfText } from "../models/frame-text.ts";
import { FakeClock } from "../network/fake-clock.ts";
import { MemoryNetwork } from "../network/memory-network.ts";
import { RawPeer } from "../network/raw-peer.ts";
import { expectList, expectSet, itemsOf, runSteps, type StepKind } from "./steps.ts";

export interface Scenario {
  readonly name: string;
  steps: readonly string[];
  /** Default: settled from the start, and not pacing. */
  readonly server?: Pick<ServerOptions, "settleSeconds" | "pacing" | "keepaliveSeconds" | "retainSeconds">;
}

interface ScenarioPeer {
  readonly raw: RawPeer;
  /** The server's number for it. */
  readonly id: number;
  hidesKeepalives: boolean;
}

/** Runs a scenario, and returns its steps (steps.ts). */
export async function runScenario(
  { steps, server = {} }: Scenario,
  differentOutput: "fails" | "is rewritten" = "fails",
): Promise<string[]> {
  const rig = new ScenarioRig();
  await rig.open(server);
  return runSteps(steps, rig.kinds, differentOutput);
}

class ScenarioRig {
  readonly #clock = new FakeClock();
  readonly #network = new MemoryNetwork({ clock: this.#clock });
  readonly #peers = new Map<string, ScenarioPeer>();
  /** Why the server's connections ended, by id, from its log. */
  readonly #closed = new Map<number, string>();
  #server: Server | null = null;

  async open(options: Scenario["server"]): Promise<void> {
    const noteClosed: Logger["info"] = (_message, { id, reason } = {}) => {
      if (typeof id === "number" && typeof reason === "string") this.#closed.set(id, reason);
    };
    this.#server = await Server.start({
      settleSeconds: 0,
      pacing: "never",
      ...options,
      listen: { host: "::", port: 4711 },
      clock: this.#clock,
      network: this.#network,
      logger: { ...silentLogger, info: noteClosed, warn: noteClosed, debug: noteClosed },
    });
  }

  /** The kinds of steps; after each one all happens that does not wait for the clock. */
  get kinds(): readonly StepKind[] {
    return this.#kinds.map(([pattern, perform]) => [
      pattern,
      (words) => {
        perform(words);
        this.#clock.settle();
      },
    ]);
  }

  readonly #kinds: readonly StepKind[] = [
    [/^(\w+) opens$/, ([name = ""]) => this.#openPeer(name)],
    [
      /^(\w+) connects(?: with keepalive (\d+))?(?: as (server))?$/,
      ([name = "", seconds, server]) => this.#connect(name, `HELLO ${seconds || 5} ${server}`.trim()),
    ],
    [
      /^(\w+) sends byte by byte (.+)$/,
      ([name = "", frames = ""]) => {
        for (const byte of framesOf(frames).flatMap((frame) => [...frameOfText(frame)])) {
          this.#raw(name).sendBytes(Uint8Array.of(byte));
          this.#clock.settle();
        }
      },
    ],
    [
      /^(\w+) sends (\d+) times (.+)$/,
      ([name = "", times, frames = ""]) => {
        const hundred = Array.from({ length: 100 }, () => framesOf(frames)).flat();
        for (let sent = 0; sent < Number(times); sent += 100) this.#raw(name).send(...hundred);
      },
    ],
    [/^(\w+) sends (.+)$/, ([name = "", frames = ""]) => this.#raw(name).send(...framesOf(frames))],
    [
      /^(\w+) receives, in any order, (?<output>.+)$/,
      ([name = "", frames = ""]) => expectSet(this.#received(name), framesOf(frames), "; "),
    ],
    [
      /^(\w+) receives (?<output>.+)$/,
      ([name = "", frames = ""]) => expectList(this.#received(name), framesOf(frames), "; "),
    ],
    [/^(\w+) keeps alive$/, ([name = ""]) => this.#keepAlive(name)],
    [/^(\w+) falls silent$/, ([name = ""]) => this.#raw(name).fallSilent()],
    [/^(\w+) disconnects$/, ([name = ""]) => this.#raw(name).end()],
    [/^(\w+) breaks off$/, ([name = ""]) => this.#raw(name).abort()],
    [/^(\w+) stops reading$/, ([name = ""]) => this.#setReading(name, false)],
    [/^(\w+) reads again$/, ([name = ""]) => this.#setReading(name, true)],
    [/^(\w+) is established$/, ([name = ""]) => this.#checkState(name, "established")],
    [/^(\w+) is closed for (?<output>.+)$/, ([name = "", reason = ""]) => this.#checkClosed(name, reason)],
    [/^clock \+(\d+)$/, ([byMs]) => this.#clock.advance(Number(byMs))],
    [
      /^server knows (?<output>.+)$/,
      ([routes = ""]) => expectSet(Array.from(this.#running.routes(), formatRoute), framesOf(routes), "; "),
    ],
    [
      /^server counts (\w+) (?<output>\d+)$/,
      ([name = "", count = ""]) => expectList([this.#count(name)], [count], "; "),
    ],
  ];

  get #running(): Server {
    if (this.#server === null) throw new Error("the server has not been started");
    return this.#server;
  }

  #peer(name: string): ScenarioPeer {
    const peer = this.#peers.get(name);
    if (peer === undefined) throw new Error(`there is no ${name}`);
    return peer;
  }

  #raw(name: string): RawPeer {
    return this.#peer(name).raw;
  }

  #openPeer(name: string): void {
    const raw = new RawPeer(this.#clock).connect(this.#network, this.#running.endpoint);
    this.#clock.settle();
    this.#peers.set(name, { raw, id: this.#network.connections.length, hidesKeepalives: false });
  }

  #connect(name: string, hello: string): void {
    this.#openPeer(name);
    for (const frame of [hello, "KEEPALIVE"]) {
      this.#raw(name).send(frame);
      this.#clock.settle();
    }
    this.#raw(name).takeHeard();
    this.#checkState(name, "established");
  }

  #keepAlive(name: string): void {
    const peer = this.#peer(name);
    peer.hidesKeepalives = true;
    peer.raw.keepAlive(5_000);
  }

  #setReading(name: string, isReading: boolean): void {
    this.#raw(name).stream.isReading = isReading;
  }

  #received(name: string): string[] {
    const { raw, hidesKeepalives } = this.#peer(name);
    return raw.takeHeard().filter((frame) => !hidesKeepalives || frame !== "KEEPALIVE");
  }

  #stateOf(name: string): string {
    const { id } = this.#peer(name);
    return this.#running.peers().find((peer) => peer.id === id)?.state ?? "gone";
  }

  #checkState(name: string, expected: string): void {
    const state = this.#stateOf(name);
    if (state !== expected) throw new Error(`expected: ${expected}\n    real: ${state}`);
  }

  #checkClosed(name: string, reason: string): void {
    const { raw, id } = this.#peer(name);
    this.#checkState(name, "gone");
    // What stands in brackets is for people.
    const real = this.#closed.get(id)?.replace(/ \(.*/, "") ?? "gone";
    expectList([real], [reason], "; ");
    if (!raw.isClosed) throw new Error("its side of the connection is still open");
  }

  #count(name: string): string {
    const { unmatchedRemoves, repeatedHellos, skippedUpdates } = this.#running.stats().counters;
    return String(
      Object.entries({ unmatchedRemoves, repeatedHellos, ...skippedUpdates }).find(
        ([key]) => key === name,
      )?.[1] ?? 0,
    );
  }
}

function framesOf(text: string): string[] {
  return itemsOf(text, "; ");
}
