/** The control socket of running daemons, from its making to its end, and commands that come over it. */
import { describe, expect, test } from "bun:test";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { ControlClient } from "../../src/cli/commands/control-client.ts";
import { announceFlag, standardRoute } from "../support/models/text-route.ts";
import { FROM_SOURCE, startBunbondClient, startBunbondServer } from "../support/process/bunbond-process.ts";
import { ChildProcess } from "../support/process/child-process.ts";
import { temporaryDirectory } from "../support/process/temporary-directory.ts";

const ROUTE = standardRoute(100, "10.0.1.0/24", "2001:db8::1");
const ROUTE_LINE = "100 10.0.1.0/24 via 2001:db8::1";

/** Runs BunBond to its end. */
async function run(...args: readonly string[]) {
  await using program = new ChildProcess({
    command: [...FROM_SOURCE, ...args],
    env: { NODE_ENV: undefined },
  });
  return { exitCode: await program.ended, stdout: program.stdoutLines, stderr: program.stderrLines };
}

function statusAt(socketPath: string) {
  return new ControlClient({ socketPath, program: null }).call("/v1/status", null);
}

/** A server and a client, each with its socket in a directory that is not there yet. */
async function withDaemons(
  act: (daemons: {
    readonly server: ChildProcess & { readonly socket: string };
    readonly client: ChildProcess & { readonly socket: string };
  }) => Promise<void>,
): Promise<void> {
  using directory = temporaryDirectory();
  const serverSocket = join(directory.path, "run", "server.sock");
  const clientSocket = join(directory.path, "run", "client.sock");
  await using server = await startBunbondServer({ socket: serverSocket });
  await using client = startBunbondClient({ servers: [server.address], vnis: [100], socket: clientSocket });
  await client.established();
  await act({
    server: Object.assign(server, { socket: serverSocket }),
    client: Object.assign(client, { socket: clientSocket }),
  });
}

describe("the socket", () => {
  test("is there for owner and group while the daemon runs, and not when it has stopped", async () => {
    await withDaemons(async ({ server, client }) => {
      for (const daemon of [client, server]) {
        await daemon.logged(new RegExp(`control socket open path=${RegExp.escape(daemon.socket)}`));
        const { mode } = statSync(daemon.socket);
        expect((mode & 0o7777).toString(8)).toBe("660");
        expect(await statusAt(daemon.socket)).toMatchObject({ state: "running" });
        expect(await daemon.stop()).toBe(0);
        expect(existsSync(daemon.socket)).toBe(false);
      }
    });
  });

  test("of a running daemon refuses another one, in one line and before anybody has seen it", async () => {
    await withDaemons(async ({ server, client }) => {
      const why = (path: string) =>
        `another daemon answers at ${path}: stop it, or give this one a path of its own by --socket PATH (or none)`;
      expect(await run("server", "--listen", "[::1]:0", "--socket", server.socket)).toEqual({
        exitCode: 1,
        stdout: [],
        stderr: [`bunbond server: ${why(server.socket)}`],
      });
      expect(await run("client", "--server", "::1", "--vni", "1", "--socket", client.socket)).toEqual({
        exitCode: 1,
        stdout: [],
        stderr: [`bunbond client: ${why(client.socket)}`],
      });
      expect(await statusAt(server.socket)).toMatchObject({ counters: { connectionsAccepted: 1 } });
      expect(await statusAt(client.socket)).toMatchObject({ servers: [{ state: "established" }] });
    });
  });

  test("of a daemon that was killed is replaced", async () => {
    await withDaemons(async ({ server }) => {
      await server.kill();
      expect(existsSync(server.socket)).toBe(true);
      expect(await run("status", "--socket", server.socket)).toEqual({
        exitCode: 4,
        stdout: [],
        stderr: [`bunbond status: no daemon answers at ${server.socket}; name another socket by --socket`],
      });
      await using next = await startBunbondServer({ socket: server.socket });
      expect(await statusAt(server.socket)).toMatchObject({ program: "server", listen: next.address });
      expect(await next.stop()).toBe(0);
      expect(existsSync(server.socket)).toBe(false);
    });
  });

  test("goes with a daemon that cannot start", async () => {
    using directory = temporaryDirectory();
    const socket = join(directory.path, "server.sock");
    await using server = await startBunbondServer();
    expect((await run("server", "--listen", server.address, "--socket", socket)).exitCode).toBe(1);
    expect(existsSync(socket)).toBe(false);
  });
});

test("commands change what a running client wants, and everybody sees it", async () => {
  await withDaemons(async ({ server, client }) => {
    const [, address = ""] = await server.logged(/listening address=(\S+)/);
    await using watcher = startBunbondClient({ servers: [address], vnis: [100] });
    const socket = ["--socket", client.socket];
    const done = (...stdout: string[]) => ({ exitCode: 0, stdout, stderr: [] });

    expect(await run("announce", ...socket, announceFlag(ROUTE))).toEqual(done(`announced: ${ROUTE_LINE}`));
    await watcher.viewIs([ROUTE]);
    expect(await run("announce", ...socket, announceFlag(ROUTE))).toEqual(
      done(`already announced: ${ROUTE_LINE}`),
    );
    const peers = await run("peers", "--json", "--socket", server.socket);
    expect(JSON.parse(peers.stdout.join())).toMatchObject({
      peers: [
        { id: 1, announcedRoutes: 1, subscriptions: [100] },
        { id: 2, announcedRoutes: 0, subscriptions: [100] },
      ],
    });
    expect(await run("withdraw", ...socket, announceFlag(ROUTE))).toEqual(done(`withdrawn: ${ROUTE_LINE}`));
    await watcher.viewIs([]);
    expect((await run("withdraw", ...socket, announceFlag(ROUTE))).exitCode).toBe(3);

    expect(await run("unsubscribe", ...socket, "100")).toEqual(done("unsubscribed: 100"));
    expect(await statusAt(client.socket)).toMatchObject({ vnis: [] });

    // The client comes back at once, with what it wants.
    await run("announce", ...socket, announceFlag(ROUTE));
    await watcher.viewIs([ROUTE]);
    expect(await run("peer", "reset", address, ...socket)).toEqual(done(`reset: ${address}`));
    await server.logged(/peer disconnected.* id=1 reason=closed-by-peer/);
    await server.logged(/peer established.* id=3 /);
    await watcher.viewIs([ROUTE]);
  });
});
