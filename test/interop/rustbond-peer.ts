/**
 * MetalBond peers of another making for tests: servers and clients on the Rust crate `rustbond`, run
 * by the Cargo program in rustbond/.
 *
 * cargo builds it once and then only looks whether it is up to date. Where it cannot be built, the
 * tests are skipped and say why; but with CI set nothing may be skipped, so there that is an error.
 */

import { fileURLToPath } from "node:url";
import type { TextRoute } from "../support/models/text-route.ts";
import { ChildProcess, withAddress } from "../support/process/child-process.ts";
import { RouteClient } from "../support/process/route-client.ts";

const CRATE = fileURLToPath(new URL("rustbond", import.meta.url));
const PROGRAM = `${CRATE}/target/release/rustbond-peer`;
/** As in rustbond/Cargo.toml. */
const OLDEST_RUST = "1.85.0";

const { CI, PROTOC } = process.env;

/** Why the program cannot be built on this machine, or undefined if it can. */
function findObstacle(): string | undefined {
  if (Bun.which("cargo") === null) return "cargo is not installed";
  if (PROTOC === undefined && Bun.which("protoc") === null) {
    return "protoc is not installed (Debian: protobuf-compiler)";
  }
  const { stdout } = Bun.spawnSync(["cargo", "--version"]);
  const version = /^cargo (\d+\.\d+\.\d+)/.exec(stdout.toString())?.[1];
  if (version === undefined) return "cargo does not run";
  if (Bun.semver.order(version, OLDEST_RUST) < 0) return `cargo ${version} is older than ${OLDEST_RUST}`;
  return undefined;
}

/** Why tests with rustbond peers are to be skipped, or undefined: they are to be run. */
export function reasonToSkip(): string | undefined {
  const obstacle = findObstacle();
  if (obstacle !== undefined && CI) {
    throw new Error(`CI runs the tests with rustbond peers, but ${obstacle}`);
  }
  return obstacle;
}

/** Builds the program; a minute or two where it has never been built. */
export async function buildRustbondPeer(): Promise<void> {
  await using cargo = new ChildProcess({ command: ["cargo", "build", "--release", "--locked"], cwd: CRATE });
  if ((await cargo.ended) !== 0) throw new Error(cargo.describe());
}

export interface RustbondServer extends ChildProcess {
  readonly address: string;
}

export interface RustbondServerOptions {
  readonly keepaliveSeconds?: number;
  /** Words before the command, as those that enter a network namespace. */
  readonly within?: readonly string[];
}

/** Starts a server, by default on a free port of [::1], and waits until it listens. */
export async function startRustbondServer(
  listen = "[::1]:0",
  { keepaliveSeconds = 5, within = [] }: RustbondServerOptions = {},
): Promise<RustbondServer> {
  const server = new ChildProcess({
    command: [...within, PROGRAM, "server", "--listen", listen, "--keepalive", `${keepaliveSeconds}`],
  });
  return withAddress(server, () =>
    server.until("a line that says the address", () => {
      const line = server.stdoutLines[0];
      // The program's first line has this shape; with another one the test cannot connect.
      return line === undefined ? undefined : (JSON.parse(line) as { address: string }).address;
    }),
  );
}

type Answer = { readonly event: "ok" } | { readonly event: "error"; readonly error: string };

/** The words behind "announce" or "withdraw". */
function routeWords({ vni, destination, nextHop }: TextRoute): string {
  const { address, type, natPortFrom, natPortTo } = nextHop;
  const typeWords = { STANDARD: "std", LOADBALANCER_TARGET: "lb", NAT: `nat ${natPortFrom} ${natPortTo}` };
  return `${vni} ${destination} ${address} ${typeWords[type]}`;
}

/** One or several clients in one process. They do what they are told only when they are established. */
export class RustbondClient extends RouteClient {
  readonly #answers: Answer[] = [];
  #commandsSent = 0;

  constructor(servers: readonly string[], clientCount = 1) {
    const serverFlags = servers.flatMap((server) => ["--server", server]);
    super({ command: [PROGRAM, "client", ...serverFlags, "--clients", `${clientCount}`] }, clientCount);
  }

  protected override onOther(line: string): void {
    // Lines that are not changes are answers; a line of another shape fails the command that waits for it.
    this.#answers.push(JSON.parse(line) as Answer);
  }

  /** Lets every client of the process do it ("@3 subscribe 100": only that one) and waits for the answer. */
  async command(line: string): Promise<void> {
    const index = this.#commandsSent++;
    this.send(line);
    const answer = await this.until(`the answer to "${line}"`, () => {
      void this.events;
      return this.#answers[index];
    });
    if (answer.event !== "ok") throw new Error(`${line}: ${answer.error}`);
  }

  async subscribe(...vnis: readonly number[]): Promise<void> {
    for (const vni of vnis) await this.command(`subscribe ${vni}`);
  }

  async unsubscribe(vni: number): Promise<void> {
    await this.command(`unsubscribe ${vni}`);
  }

  async announce(...routes: readonly TextRoute[]): Promise<void> {
    for (const route of routes) await this.command(`announce ${routeWords(route)}`);
  }

  async withdraw(...routes: readonly TextRoute[]): Promise<void> {
    for (const route of routes) await this.command(`withdraw ${routeWords(route)}`);
  }

  /**
   * Ends the wait for the next attempt to connect, which is 5 to 10 s in rustbond: any command that
   * it has for its server does that, and an unsubscribe without subscription is lost without effect.
   */
  async retryNow(): Promise<void> {
    await this.unsubscribe(0xffff_fffe);
  }
}

/** Starts a client and waits until it is established with each of the servers. */
export async function startRustbondClient(...servers: readonly string[]): Promise<RustbondClient> {
  return startRustbondClients(1, ...servers);
}

/** Starts that many clients in one process and waits until each is established with each server. */
export async function startRustbondClients(
  clientCount: number,
  ...servers: readonly string[]
): Promise<RustbondClient> {
  const clients = new RustbondClient(servers, clientCount);
  try {
    for (const server of servers) await clients.established(server);
    return clients;
  } catch (error) {
    await clients[Symbol.asyncDispose]();
    throw error;
  }
}
