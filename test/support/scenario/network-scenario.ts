/**
 * Scenarios of whole networks as data: servers and clients of ours that start, speak, and end. The same steps are
 * run twice, each time in another environment: with real processes that wait a tenth of the default times
 * (process-environment.ts), and on the fake clock with times ten times as long (memory-environment.ts). Steps:
 *
 *     server s starts                     and again after its end, at the same address
 *     server s starts with settle, retain 20, keepalive 1      settle: holds End-of-RIBs back until all are back
 *     server s stops | is killed | is suspended | continues
 *     server s resets all peers
 *     server s comes to have 3 routes | 2 peers
 *     a starts at s, t                    wants nothing yet, and is not waited for
 *     a starts at s with keepalive 1, staleTime 6, staleTimeAlone 30, onStop keep
 *     a is established at s, t            it comes to that
 *     a is back at s                      established once more than when that was last asked for
 *     a has lost s                        it comes to that, and stays so: the server is away
 *     a announces R, Q | withdraws R      routes by their names in the file
 *     a subscribes to 100, 200 | unsubscribes from 100
 *     a drains | undrains
 *     a resets s                          its connection to it
 *     a stops | is killed | is suspended | continues
 *     a sees R, Q | nothing               it comes to see exactly these
 *     a reports + R, - Q | nothing        all its changes since it was last asked, in this order
 *     a reports, in any order, + R, + Q
 *
 * "It comes to" is waited for. That something does not happen is shown by what comes after it: a marker route.
 * Times are a real process's in seconds; on the fake clock they are ten times as long, but for keepalive.
 */
import type { OnStop } from "../../../src/client/options.ts";
import { expectList, expectSet, itemsOf, runSteps, type StepKind } from "./steps.ts";

export interface NetworkScenarios {
  /** Name → "100 10.0.1.0/24 via 2001:db8::1". */
  readonly routes: Readonly<Record<string, string>>;
  readonly scenarios: NetworkScenario[];
}

export interface NetworkScenario {
  readonly name: string;
  steps: readonly string[];
}

export interface ServerSettings {
  readonly settles?: boolean;
  readonly retain?: number;
  readonly keepalive?: number;
}

export interface ClientSettings {
  readonly keepalive?: number;
  readonly staleTime?: number;
  readonly staleTimeAlone?: number;
  readonly onStop?: OnStop;
}

/** What can be done to a process from outside: SIGTERM, SIGKILL, SIGSTOP, SIGCONT. */
export type ProcessSignal = "stop" | "kill" | "pause" | "resume";

/** What a scenario is run in. Servers and clients go by their names, routes by their text. */
export interface NetworkEnvironment extends AsyncDisposable {
  startServer(server: string, options: ServerSettings): Promise<void>;
  signalServer(server: string, signal: ProcessSignal): Promise<void>;
  resetPeers(server: string): Promise<void>;
  /** Waits until the server has so many, and returns their number; if it does not come to that, the number after long. */
  waitForServer(server: string, what: "routes" | "peers", count: number): Promise<number>;
  startClient(client: string, servers: readonly string[], options: ClientSettings): void;
  signalClient(client: string, signal: ProcessSignal): Promise<void>;
  /** Waits until the client has been established there so many times, and is now; how often that was. */
  waitForSession(client: string, server: string, atLeast: number): Promise<number>;
  waitForLoss(client: string, server: string): Promise<void>;
  changeRoutes(client: string, change: "announce" | "withdraw", routes: readonly string[]): Promise<void>;
  changeVnis(client: string, change: "subscribe" | "unsubscribe", vnis: readonly number[]): Promise<void>;
  drain(client: string, action: "start" | "undo"): Promise<void>;
  resetServer(client: string, server: string): Promise<void>;
  /**
   * Waits until the client sees exactly these routes, and returns them. If it does not come to that: returns what it sees after long, or throws.
   */
  waitForView(client: string, routes: readonly string[]): Promise<readonly string[]>;
  /** "+ " or "- " and the route's text, since the last call. */
  takeChanges(client: string): string[];
}

const SIGNALS: Readonly<Record<string, ProcessSignal>> = {
  stops: "stop",
  "is killed": "kill",
  "is suspended": "pause",
  continues: "resume",
};

/** Runs a scenario, and returns its steps (steps.ts). */
export async function runNetworkScenario(
  { steps }: NetworkScenario,
  routes: NetworkScenarios["routes"],
  environment: NetworkEnvironment,
  differentOutput: "fails" | "is rewritten" = "fails",
): Promise<string[]> {
  return runSteps(steps, new NetworkSteps(routes, environment).kinds, differentOutput);
}

class NetworkSteps {
  readonly #routes: NetworkScenarios["routes"];
  readonly #environment: NetworkEnvironment;
  /** By client and server: how often it had been established when that was last asked for. */
  readonly #sessions = new Map<string, number>();

  constructor(routes: NetworkScenarios["routes"], environment: NetworkEnvironment) {
    this.#routes = routes;
    this.#environment = environment;
  }

  readonly kinds: readonly StepKind[] = [
    [
      /^server (\w+) starts(?: with (.+))?$/,
      ([server = "", options]) => this.#environment.startServer(server, serverOptions(options)),
    ],
    [
      /^server (\w+) (stops|is killed|is suspended|continues)$/,
      ([server = "", signal]) => this.#environment.signalServer(server, signalOf(signal)),
    ],
    [/^server (\w+) resets all peers$/, ([server = ""]) => this.#environment.resetPeers(server)],
    [
      /^server (\w+) comes to have (?<output>\d+) (routes|peers)$/,
      async ([server = "", count = "", name]) => {
        const what = name === "peers" ? "peers" : "routes";
        const real = await this.#environment.waitForServer(server, what, Number(count));
        expectList([`${real}`], [count], ", ");
      },
    ],
    [
      /^(\w+) starts at ([\w, ]+?)(?: with (.+))?$/,
      ([client = "", servers, options]) =>
        this.#environment.startClient(client, listOf(servers), clientOptions(options)),
    ],
    [
      /^(\w+) (stops|is killed|is suspended|continues)$/,
      ([client = "", signal]) => this.#environment.signalClient(client, signalOf(signal)),
    ],
    [
      /^(\w+) is established at (.+)$/,
      async ([client = "", servers]) => {
        for (const server of listOf(servers)) await this.#established(client, server, 1);
      },
    ],
    [
      /^(\w+) is back at (\w+)$/,
      ([client = "", server = ""]) => {
        const before = this.#sessions.get(`${client} ${server}`);
        if (before === undefined) throw new Error("it was not asked before whether it is established");
        return this.#established(client, server, before + 1);
      },
    ],
    [/^(\w+) has lost (\w+)$/, ([client = "", server = ""]) => this.#environment.waitForLoss(client, server)],
    [
      /^(\w+) announces (.+)$/,
      ([client = "", routes]) => this.#environment.changeRoutes(client, "announce", this.#routesOf(routes)),
    ],
    [
      /^(\w+) withdraws (.+)$/,
      ([client = "", routes]) => this.#environment.changeRoutes(client, "withdraw", this.#routesOf(routes)),
    ],
    [
      /^(\w+) subscribes to (.+)$/,
      ([client = "", vnis]) => this.#environment.changeVnis(client, "subscribe", listOf(vnis).map(Number)),
    ],
    [
      /^(\w+) unsubscribes from (.+)$/,
      ([client = "", vnis]) => this.#environment.changeVnis(client, "unsubscribe", listOf(vnis).map(Number)),
    ],
    [/^(\w+) drains$/, ([client = ""]) => this.#environment.drain(client, "start")],
    [/^(\w+) undrains$/, ([client = ""]) => this.#environment.drain(client, "undo")],
    [/^(\w+) resets (\w+)$/, ([client = "", server = ""]) => this.#environment.resetServer(client, server)],
    [
      /^(\w+) sees (?<output>.+)$/,
      async ([client = "", names = ""]) => {
        const view = await this.#environment.waitForView(client, this.#routesOf(names).sort());
        const real = view.map((route) => this.#nameOf(route));
        expectSet(real, listOf(names), ", ");
      },
    ],
    [
      /^(\w+) reports, in any order, (?<output>.+)$/,
      ([client = "", changes]) => expectSet(this.#takeChanges(client), listOf(changes), ", "),
    ],
    [
      /^(\w+) reports (?<output>.+)$/,
      ([client = "", changes]) => expectList(this.#takeChanges(client), listOf(changes), ", "),
    ],
  ];

  async #established(client: string, server: string, atLeast: number): Promise<void> {
    this.#sessions.set(
      `${client} ${server}`,
      await this.#environment.waitForSession(client, server, atLeast),
    );
  }

  #routesOf(names: string | undefined): string[] {
    return listOf(names).map((name) => {
      const route = this.#routes[name];
      if (route === undefined) throw new Error(`no route is named ${name}`);
      return route;
    });
  }

  #nameOf(route: string): string {
    const [name] = Object.entries(this.#routes).find(([, text]) => text === route) ?? [];
    if (name === undefined) throw new Error(`the file has no name for the route ${route}`);
    return name;
  }

  /** Returns "+ " or "- " and the route's name, since the last call. */
  #takeChanges(client: string): string[] {
    const changes = this.#environment.takeChanges(client);
    return changes.map((change) => change.slice(0, 2) + this.#nameOf(change.slice(2)));
  }
}

function listOf(text = ""): string[] {
  return itemsOf(text, ", ");
}

function signalOf(text = ""): ProcessSignal {
  const signal = SIGNALS[text];
  if (signal === undefined) throw new Error(`nothing is known of "${text}"`);
  return signal;
}

/** "settle, retain 20" */
function settingsOf(text: string | undefined): Map<string, string> {
  return new Map(
    (text ? text.split(", ") : []).map((setting) => {
      const [name = "", value = ""] = setting.split(" ");
      return [name, value] as const;
    }),
  );
}

function serverOptions(text: string | undefined): ServerSettings {
  const settings = settingsOf(text);
  const settles = settings.delete("settle");
  return { settles, ...numbersOf(settings, ["retain", "keepalive"]) };
}

function clientOptions(text: string | undefined): ClientSettings {
  const settings = settingsOf(text);
  const onStop = settings.get("onStop");
  settings.delete("onStop");
  const numbers = numbersOf(settings, ["keepalive", "staleTime", "staleTimeAlone"]);
  return onStop === "keep" || onStop === "withdraw" ? { ...numbers, onStop } : numbers;
}

function numbersOf<Name extends string>(
  settings: ReadonlyMap<string, string>,
  names: readonly Name[],
): { [N in Name]?: number } {
  const numbers: { [N in Name]?: number } = {};
  for (const [name, value] of settings) {
    const known = names.find((candidate) => candidate === name);
    if (known === undefined) throw new Error(`there is no setting ${name}`);
    numbers[known] = Number(value);
  }
  return numbers;
}
