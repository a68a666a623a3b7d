/**
 * Scenarios of whole networks as data: servers and clients of ours that start, speak, and end. The same steps are
 * played twice: with real processes that wait a tenth of the default times (process-environment.ts), and on the fake clock
 * with times ten times as long (memory-environment.ts). Steps:
 *
 *     server s starts                     and again after its end, at the same address
 *     server s starts with settle, retain 20, keepalive 1      settle: holds End-of-RIBs back until all are back
 *     server s stops | is killed | stands still | goes on
 *     server s resets everybody
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
 *     a stops | is killed | stands still | goes on
 *     a sees R, Q | nothing               it comes to see exactly these
 *     a was told + R, - Q | nothing       all its changes since it was last asked, in this order
 *     a was told, in any order, + R, + Q
 *
 * "It comes to" is waited for. That something does not happen is shown by what comes behind it: a marker route.
 * Times are a real process's in seconds; on the fake clock they are ten times as long, but for keepalive.
 */
import type { OnStop } from "../../../src/client/options.ts";

export interface NetworkScenarios {
  /** Name → "100 10.0.1.0/24 via 2001:db8::1". */
  readonly routes: Readonly<Record<string, string>>;
  readonly scenarios: readonly NetworkScenario[];
}

export interface NetworkScenario {
  readonly name: string;
  /** Numbered from 1 on. */
  readonly steps: readonly string[];
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

/** What can be done to a process from outside. */
export type Blow = "stop" | "kill" | "pause" | "resume";

/** Where a scenario is played. Servers and clients go by their names, routes by their text. */
export interface NetworkEnvironment extends AsyncDisposable {
  startServer(server: string, options: ServerSettings): Promise<void>;
  blowServer(server: string, blow: Blow): Promise<void>;
  resetPeers(server: string): Promise<void>;
  waitForServer(server: string, what: "routes" | "peers", count: number): Promise<void>;
  startClient(client: string, servers: readonly string[], options: ClientSettings): void;
  blowClient(client: string, blow: Blow): Promise<void>;
  /** Waits until the client has been established there so many times, and is now; how often that was. */
  waitForSession(client: string, server: string, atLeast: number): Promise<number>;
  waitForLoss(client: string, server: string): Promise<void>;
  changeRoutes(client: string, change: "announce" | "withdraw", routes: readonly string[]): Promise<void>;
  changeVnis(client: string, change: "subscribe" | "unsubscribe", vnis: readonly number[]): Promise<void>;
  drain(client: string, action: "start" | "undo"): Promise<void>;
  resetServer(client: string, server: string): Promise<void>;
  waitForView(client: string, routes: readonly string[]): Promise<void>;
  /** "+ " or "- " and the route's text, since the last call. */
  takeChanges(client: string): string[];
}

const BLOWS: Readonly<Record<string, Blow>> = {
  stops: "stop",
  "is killed": "kill",
  "stands still": "pause",
  "goes on": "resume",
};

type Perform = (words: readonly string[]) => void | Promise<void>;

export async function playNetworkScenario(
  { steps }: NetworkScenario,
  routes: NetworkScenarios["routes"],
  stage: NetworkEnvironment,
): Promise<void> {
  const player = new Player(routes, stage);
  for (const [index, step] of steps.entries()) {
    const text = step.replace(`${index + 1} `, "");
    if (text === step) throw new Error(`step ${index + 1} has another number: "${step}"`);
    try {
      await player.perform(text);
    } catch (error) {
      throw new Error(`step ${step}\n${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

class Player {
  readonly #routes: NetworkScenarios["routes"];
  readonly #stage: NetworkEnvironment;
  /** By client and server: how often it had been established when that was last asked for. */
  readonly #sessions = new Map<string, number>();

  constructor(routes: NetworkScenarios["routes"], stage: NetworkEnvironment) {
    this.#routes = routes;
    this.#stage = stage;
  }

  async perform(step: string): Promise<void> {
    for (const [pattern, perform] of this.#steps) {
      const [found, ...words] = pattern.exec(step) ?? [];
      if (found === undefined) continue;
      await perform(words.map((word) => word ?? ""));
      return;
    }
    throw new Error("no such step");
  }

  readonly #steps: readonly (readonly [RegExp, Perform])[] = [
    [
      /^server (\w+) starts(?: with (.+))?$/,
      ([server = "", options]) => this.#stage.startServer(server, serverOptions(options)),
    ],
    [
      /^server (\w+) (stops|is killed|stands still|goes on)$/,
      ([server = "", blow]) => this.#stage.blowServer(server, blowOf(blow)),
    ],
    [/^server (\w+) resets everybody$/, ([server = ""]) => this.#stage.resetPeers(server)],
    [
      /^server (\w+) comes to have (\d+) (routes|peers)$/,
      ([server = "", count, what]) =>
        this.#stage.waitForServer(server, what === "peers" ? "peers" : "routes", Number(count)),
    ],
    [
      /^(\w+) starts at ([\w, ]+?)(?: with (.+))?$/,
      ([client = "", servers, options]) =>
        this.#stage.startClient(client, listOf(servers), clientOptions(options)),
    ],
    [
      /^(\w+) (stops|is killed|stands still|goes on)$/,
      ([client = "", blow]) => this.#stage.blowClient(client, blowOf(blow)),
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
    [/^(\w+) has lost (\w+)$/, ([client = "", server = ""]) => this.#stage.waitForLoss(client, server)],
    [
      /^(\w+) announces (.+)$/,
      ([client = "", routes]) => this.#stage.changeRoutes(client, "announce", this.#routesOf(routes)),
    ],
    [
      /^(\w+) withdraws (.+)$/,
      ([client = "", routes]) => this.#stage.changeRoutes(client, "withdraw", this.#routesOf(routes)),
    ],
    [
      /^(\w+) subscribes to (.+)$/,
      ([client = "", vnis]) => this.#stage.changeVnis(client, "subscribe", listOf(vnis).map(Number)),
    ],
    [
      /^(\w+) unsubscribes from (.+)$/,
      ([client = "", vnis]) => this.#stage.changeVnis(client, "unsubscribe", listOf(vnis).map(Number)),
    ],
    [/^(\w+) drains$/, ([client = ""]) => this.#stage.drain(client, "start")],
    [/^(\w+) undrains$/, ([client = ""]) => this.#stage.drain(client, "undo")],
    [/^(\w+) resets (\w+)$/, ([client = "", server = ""]) => this.#stage.resetServer(client, server)],
    [
      /^(\w+) sees (.+)$/,
      ([client = "", routes]) => this.#stage.waitForView(client, this.#routesOf(routes).sort()),
    ],
    [
      /^(\w+) was told, in any order, (.+)$/,
      ([client = "", changes]) =>
        same(this.#stage.takeChanges(client).sort(), this.#changesOf(changes).sort()),
    ],
    [
      /^(\w+) was told (.+)$/,
      ([client = "", changes]) => same(this.#stage.takeChanges(client), this.#changesOf(changes)),
    ],
  ];

  async #established(client: string, server: string, atLeast: number): Promise<void> {
    this.#sessions.set(`${client} ${server}`, await this.#stage.waitForSession(client, server, atLeast));
  }

  #routesOf(names: string | undefined): string[] {
    return listOf(names).map((name) => {
      const route = this.#routes[name];
      if (route === undefined) throw new Error(`no route is named ${name}`);
      return route;
    });
  }

  #changesOf(changes: string | undefined): string[] {
    return listOf(changes).map((change) => {
      const [sign = "", name] = change.split(" ");
      return `${sign} ${this.#routesOf(name)[0]}`;
    });
  }
}

function listOf(text = ""): string[] {
  return text === "nothing" ? [] : text.split(", ");
}

function blowOf(text = ""): Blow {
  const blow = BLOWS[text];
  if (blow === undefined) throw new Error(`nothing is known of "${text}"`);
  return blow;
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

function same(real: readonly string[], expected: readonly string[]): void {
  if (Bun.deepEquals(real, expected)) return;
  throw new Error(`expected: ${expected.join("; ") || "nothing"}\n    real: ${real.join("; ") || "nothing"}`);
}
