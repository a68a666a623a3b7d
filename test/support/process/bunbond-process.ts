/** BunBond's own server and client as real processes, started by the command line like a user's. */

import { fileURLToPath } from "node:url";
import { ChildProcess, withAddress } from "./child-process.ts";
import { RouteClient } from "./route-client.ts";

const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url));

/** BunBond from its sources; the built executable is `["dist/bunbond"]`. */
export const FROM_SOURCE: readonly string[] = [process.execPath, "src/main.ts"];

/** `bun test` sets NODE_ENV; a user's BunBond does not have it. */
const ENVIRONMENT = { NODE_ENV: undefined };

export interface BunbondOptions {
  /** What runs BunBond, seen from the repository's top. Default: {@link FROM_SOURCE}. */
  readonly command?: readonly string[];
  /** More flags, behind those from the other options. */
  readonly flags?: readonly string[];
  /** Default: no control socket, since the program's own default is one path for all. */
  readonly socket?: string;
}

export interface ServerOptions extends BunbondOptions {
  /** Default: a free port on [::1]. */
  readonly listen?: string;
  readonly keepaliveSeconds?: number;
  /** Default 0: it holds no End-of-RIBs back. */
  readonly settleSeconds?: number;
}

/** A server process; `address` is where it listens, with the port that it got. */
export interface BunbondServer extends ChildProcess {
  readonly address: string;
}

/** Starts a server and waits until it listens. */
export async function startBunbondServer(options: ServerOptions = {}): Promise<BunbondServer> {
  const {
    command = FROM_SOURCE,
    flags = [],
    socket = "none",
    listen = "[::1]:0",
    settleSeconds = 0,
    keepaliveSeconds,
  } = options;
  const keepalive = keepaliveSeconds === undefined ? [] : ["--keepalive", `${keepaliveSeconds}`];
  const server = new ChildProcess({
    command: [
      ...command,
      "server",
      "--listen",
      listen,
      "--settle",
      `${settleSeconds}`,
      "--socket",
      socket,
      ...keepalive,
      ...flags,
    ],
    cwd: REPOSITORY,
    env: ENVIRONMENT,
  });
  return withAddress(server, async () => (await server.logged(/listening.*\baddress=(\S+)/))[1] ?? "");
}

export interface ClientOptions extends BunbondOptions {
  readonly servers: readonly string[];
  readonly vnis?: readonly number[];
  /** In the grammar of `--announce`. */
  readonly announce?: readonly string[];
  readonly keepaliveSeconds?: number;
  /** Default: soon, so that tests of reconnecting are short. */
  readonly retry?: string;
}

/** Starts a client. */
export function startBunbondClient(options: ClientOptions): RouteClient {
  const { command = FROM_SOURCE, flags = [], socket = "none", servers, keepaliveSeconds } = options;
  const { retry = "0.1-0.2", vnis = [], announce = [] } = options;
  const repeated = (flag: string, values: readonly (string | number)[]) =>
    values.flatMap((value) => [flag, `${value}`]);
  return new RouteClient({
    command: [
      ...[...command, "client", "--json", "--retry", retry, "--socket", socket],
      ...repeated("--server", servers),
      ...repeated("--vni", vnis),
      ...repeated("--announce", announce),
      ...repeated("--keepalive", keepaliveSeconds === undefined ? [] : [keepaliveSeconds]),
      ...flags,
    ],
    cwd: REPOSITORY,
    env: ENVIRONMENT,
  });
}
