/**
 * Scenarios as data: a server on a network in memory, raw peers that say and hear frames, and a clock. Steps:
 *
 *     a opens                          connects, and says nothing
 *     a connects [with keepalive 1] [as server]      and is ESTABLISHED; the handshake's frames are forgotten
 *     a sends FRAME; FRAME             in one write; frames as in frame-text.ts
 *     a sends byte by byte FRAME; …    each in a write of its own
 *     a sends 20000 times FRAME; …     in writes of a hundred times
 *     a hears FRAME; FRAME | nothing   exactly this, in this order, since the last time
 *     a hears, in any order, FRAME; …
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
import { formatRoute } from "../../../src/route/announcement.ts";
import type { ServerOptions } from "../../../src/server/options.ts";
import { Server } from "../../../src/server/server.ts";
import { frameOfText } from "../models/frame-text.ts";
import { FakeClock } from "../network/fake-clock.ts";
import { MemoryNetwork } from "../network/memory-network.ts";
import { RawPeer } from "../network/raw-peer.ts";

export interface Scenario {
  readonly name: string;
  /** Numbered from 1 on. */
  readonly steps: readonly string[];
  /** Default: settled from the start, and not pacing. */
  readonly server?: Pick<ServerOptions, "settleSeconds" | "pacing" | "keepaliveSeconds" | "retainSeconds">;
}

interface ScenarioPeer {
  readonly raw: RawPeer;
  /** The server's number for it. */
  readonly id: number;
  hidesKeepalives: boolean;
}

type Perform = (words: readonly string[]) => void;

export async function playScenario({ steps, server: options = {} }: Scenario): Promise<void> {
  const stage = new Stage();
  await stage.open(options);
  for (const [index, step] of steps.entries()) {
    const text = step.replace(`${index + 1} `, "");
    if (text === step) throw new Error(`step ${index + 1} has another number: "${step}"`);
    try {
      stage.perform(text);
    } catch (error) {
      throw new Error(`step ${step}\n${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

class Stage {
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

  perform(step: string): void {
    for (const [pattern, perform] of this.#steps) {
      const [found, ...words] = pattern.exec(step) ?? [];
      if (found === undefined) continue;
      perform(words.map((word) => word ?? ""));
      this.#clock.settle();
      return;
    }
    throw new Error("no such step");
  }

  readonly #steps: readonly (readonly [RegExp, Perform])[] = [
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
      /^(\w+) hears, in any order, (.+)$/,
      ([name = "", frames = ""]) => same(this.#heard(name).sort(), framesOf(frames).sort()),
    ],
    [/^(\w+) hears (.+)$/, ([name = "", frames = ""]) => same(this.#heard(name), framesOf(frames))],
    [/^(\w+) keeps alive$/, ([name = ""]) => this.#keepAlive(name)],
    [/^(\w+) falls silent$/, ([name = ""]) => this.#raw(name).fallSilent()],
    [/^(\w+) disconnects$/, ([name = ""]) => this.#raw(name).end()],
    [/^(\w+) breaks off$/, ([name = ""]) => this.#raw(name).abort()],
    [/^(\w+) stops reading$/, ([name = ""]) => this.#setReading(name, false)],
    [/^(\w+) reads again$/, ([name = ""]) => this.#setReading(name, true)],
    [/^(\w+) is established$/, ([name = ""]) => same([this.#stateOf(name)], ["established"])],
    [/^(\w+) is closed for (.+)$/, ([name = "", reason = ""]) => this.#checkClosed(name, reason)],
    [/^clock \+(\d+)$/, ([byMs]) => this.#clock.advance(Number(byMs))],
    [
      /^server knows (.+)$/,
      ([routes = ""]) =>
        same(Array.from(this.#running.routes(), formatRoute).sort(), framesOf(routes).sort()),
    ],
    [/^server counts (\w+) (\d+)$/, ([name = "", count = ""]) => same([this.#count(name)], [count])],
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
    same([this.#stateOf(name)], ["established"]);
  }

  #keepAlive(name: string): void {
    const peer = this.#peer(name);
    peer.hidesKeepalives = true;
    peer.raw.keepAlive(5_000);
  }

  #setReading(name: string, isReading: boolean): void {
    this.#raw(name).stream.isReading = isReading;
  }

  #heard(name: string): string[] {
    const { raw, hidesKeepalives } = this.#peer(name);
    return raw.takeHeard().filter((frame) => !hidesKeepalives || frame !== "KEEPALIVE");
  }

  #stateOf(name: string): string {
    const { id } = this.#peer(name);
    return this.#running.peers().find((peer) => peer.id === id)?.state ?? "gone";
  }

  #checkClosed(name: string, reason: string): void {
    const { raw, id } = this.#peer(name);
    // In brackets stands what is for people.
    same([this.#closed.get(id)?.replace(/ \(.*/, "") ?? this.#stateOf(name)], [reason]);
    same([this.#stateOf(name)], ["gone"]);
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
  return text === "nothing" ? [] : text.split("; ");
}

function same(real: readonly string[], expected: readonly string[]): void {
  if (Bun.deepEquals(real, expected)) return;
  throw new Error(`expected: ${expected.join("; ") || "nothing"}\n    real: ${real.join("; ") || "nothing"}`);
}
