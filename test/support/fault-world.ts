/**
 * Servers and clients, and what can happen to them: an operator's wishes, and faults. It keeps what is wanted in the
 * plainest form, and knows what each client must see at last: what other clients announce in the VNIs that it
 * subscribes to, but for what it announces itself.
 */
import fc from "fast-check";
import { type BenchClient, ClientBench, serverEndpoint } from "./client-bench.ts";
import { ForeignServer } from "./foreign-server.ts";
import { SeededRandom } from "./random.ts";

const CLIENTS = [0, 1, 2, 3] as const;
const VNIS = [100, 200] as const;
const ROUTES: readonly string[] = [
  "100 10.0.1.0/24 via 2001:db8::1",
  "100 10.0.1.0/24 via 2001:db8::2 type nat ports 1-9",
  "100 ::/0 via 2001:db8::3",
  "200 10.0.1.0/24 via 2001:db8::1",
  "200 fd00::/64 via 2001:db8::2 type lb",
  "200 0.0.0.0/0 via 2001:db8::4",
];

export type Step =
  | readonly ["announce" | "withdraw", client: number, route: string]
  | readonly ["subscribe" | "unsubscribe", client: number, vni: number]
  | readonly ["drain" | "undrain", client: number]
  /** Without withdrawing, and a new one of the same wishes. */
  | readonly ["restart client", client: number]
  | readonly ["reset server", client: number, port: number]
  | readonly ["kill server" | "stop server", port: number]
  | readonly ["start server", port: number, settleSeconds: number, retainSeconds: number]
  /** One connection breaks, at random. */
  | readonly ["cut", which: number]
  /** What is sent to and from the server stays under way, for whatever is connected now. */
  | readonly ["stall" | "resume", port: number]
  /** One way, each time a random part of it. */
  | readonly ["delay", upToMs: number]
  | readonly ["wait", ms: number];

const client = fc.constantFrom(...CLIENTS);
const port = fc.constantFrom(1, 2);

export const arbitraryStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(fc.constantFrom("announce", "withdraw"), client, fc.constantFrom(...ROUTES)),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(fc.constantFrom("subscribe", "unsubscribe"), client, fc.constantFrom(...VNIS)),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom("drain", "undrain", "restart client"), client) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("reset server"), client, port) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom("kill server", "stop server"), port) },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constant("start server"), port, fc.constantFrom(0, 15), fc.constantFrom(0, 10)),
  },
  { weight: 2, arbitrary: fc.tuple(fc.constant("cut"), fc.nat(7)) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom("stall", "resume"), port) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("delay"), fc.constantFrom(0, 20, 400)) },
  { weight: 4, arbitrary: fc.tuple(fc.constant("wait"), fc.integer({ min: 1, max: 800 })) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("wait"), fc.integer({ min: 1_000, max: 20_000 })) },
);

export interface FaultWorldOptions {
  readonly seed: number;
  /** Server 2 is of another make, Go's habits included. */
  readonly isSecondForeign: boolean;
}

export class FaultWorld {
  readonly #bench: ClientBench;
  readonly #random: SeededRandom;
  readonly #foreign = new Map<number, ForeignServer>();
  readonly #clients: BenchClient[];
  readonly #vnis = CLIENTS.map(() => new Set<number>());
  readonly #announced = CLIENTS.map(() => new Set<string>());
  readonly #drained = new Set<number>();
  #delayMs = 0;

  constructor(private readonly options: FaultWorldOptions) {
    this.#random = new SeededRandom(options.seed);
    this.#bench = new ClientBench({
      seed: options.seed,
      delayMs: () => (this.#delayMs === 0 ? 0 : this.#random.below(this.#delayMs)),
      cutRandomly: () => (this.#random.chance(0.5) ? 0.999 : this.#random.word() / 2 ** 32),
    });
    this.#clients = CLIENTS.map(() => this.#bench.client([1, 2]));
  }

  async run(steps: readonly Step[]): Promise<void> {
    await this.#startServer(1, 0, 0);
    await this.#startServer(2, 0, 10);
    for (const step of steps) await this.#act(step);
    for (const port of [1, 2]) {
      this.#bench.setStalled(port, false);
      if (!this.#isRunning(port)) await this.#startServer(port, 15, 0);
    }
    this.#delayMs = 5;
    // Retry, handshake, settling, then the hold time, of which nothing should depend.
    this.#bench.clock.advance(120_000);
  }

  /** What each client sees, by its events and when it is asked. */
  get views(): string[][] {
    return this.#clients.map(({ view }) => view);
  }

  get expectedViews(): string[][] {
    const nothing = new Set<string>();
    const announced = this.#announced.map((routes, client) => (this.#drained.has(client) ? nothing : routes));
    return announced.map((own, client) => {
      const others = new Set(announced.flatMap((routes, other) => (other === client ? [] : [...routes])));
      const seen = [...others.difference(own)];
      return seen.filter((route) => this.#vnis[client]?.has(Number.parseInt(route, 10))).sort();
    });
  }

  /** What would have harmed a server of another make. */
  get harm(): string[] {
    return [...this.#foreign.values()].flatMap(({ harm }) => harm);
  }

  /** Ends everything; what is still set then was forgotten. */
  async timersLeftAtTheEnd(): Promise<number> {
    for (const { client } of this.#clients) await this.#bench.until(client.stop());
    for (const port of [1, 2]) this.#stopServer(port);
    this.#bench.clock.advance(1_000);
    return this.#bench.clock.pendingTimers;
  }

  async #act(step: Step): Promise<void> {
    const bench = this.#bench;
    switch (step[0]) {
      case "announce":
      case "withdraw":
        this.#changeRoute(step[0], step[1], step[2]);
        break;
      case "subscribe":
      case "unsubscribe":
        if (step[0] === "subscribe") this.#vnis[step[1]]?.add(step[2]);
        else this.#vnis[step[1]]?.delete(step[2]);
        this.#client(step[1]).client[step[0]](step[2]);
        break;
      case "drain":
      case "undrain":
        if (step[0] === "drain") this.#drained.add(step[1]);
        else this.#drained.delete(step[1]);
        this.#client(step[1]).client[step[0]]();
        break;
      case "reset server":
        this.#client(step[1]).client.resetServer(serverEndpoint(step[2]));
        break;
      case "restart client":
        await this.#restartClient(step[1]);
        break;
      case "kill server":
        bench.cutConnections(step[1]);
        this.#stopServer(step[1]);
        break;
      case "stop server":
        this.#stopServer(step[1]);
        break;
      case "start server":
        if (!this.#isRunning(step[1])) await this.#startServer(step[1], step[2], step[3]);
        break;
      case "cut": {
        const open = bench.network.connections.filter(({ client }) => !client.isClosed);
        open[step[1] % Math.max(1, open.length)]?.break();
        break;
      }
      case "stall":
      case "resume":
        bench.setStalled(step[1], step[0] === "stall");
        break;
      case "delay":
        this.#delayMs = step[1];
        break;
      case "wait":
        bench.clock.advance(step[1]);
    }
  }

  #changeRoute(what: "announce" | "withdraw", index: number, route: string): void {
    // At a server that echoes nobody can tell a copy of the own route from another's: one announcer each.
    const client = this.options.isSecondForeign ? ROUTES.indexOf(route) % CLIENTS.length : index;
    if (what === "announce") this.#announced[client]?.add(route);
    else this.#announced[client]?.delete(route);
    this.#client(client)[what](route);
  }

  async #restartClient(index: number): Promise<void> {
    const { client, log } = this.#client(index);
    await client.stop(0, "keep");
    this.#drained.delete(index);
    // It looks for faults in its events a last time.
    log.takeChanges();
    const restarted = this.#bench.client([1, 2]);
    restarted.announce(...(this.#announced[index] ?? [])).subscribe(...(this.#vnis[index] ?? []));
    this.#clients[index] = restarted;
  }

  #client(index: number): BenchClient {
    const client = this.#clients[index];
    if (client === undefined) throw new Error(`no client ${index}`);
    return client;
  }

  #isForeign(port: number): boolean {
    return port === 2 && this.options.isSecondForeign;
  }

  #isRunning(port: number): boolean {
    return this.#isForeign(port) ? this.#foreign.has(port) : this.#bench.isRunning(port);
  }

  async #startServer(port: number, settleSeconds: number, retainSeconds: number): Promise<void> {
    const { clock, network } = this.#bench;
    if (!this.#isForeign(port)) await this.#bench.startServer(port, { settleSeconds, retainSeconds });
    else {
      const options = { clock, network, endpoint: serverEndpoint(port), unsubscribeWithdraws: true };
      this.#foreign.set(port, await ForeignServer.start(options));
    }
  }

  #stopServer(port: number): void {
    const foreign = this.#foreign.get(port);
    foreign?.stop();
    this.#foreign.delete(port);
    if (this.#bench.isRunning(port)) this.#bench.stopServer(port);
  }
}
