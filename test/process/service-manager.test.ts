/** The daemons as services: what they send to systemd's notification socket, as processes. */
import { describe, expect, test } from "bun:test";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { formatEndpoint } from "../../src/net/endpoint.ts";
import { announceFlag, standardRoute } from "../support/models/text-route.ts";
import { startBunbondClient, startBunbondServer } from "../support/process/bunbond-process.ts";
import { ChildProcess } from "../support/process/child-process.ts";
import { REPOSITORY } from "../support/process/documents.ts";
import { NotifyReceiver } from "../support/process/notify-receiver.ts";
import { temporaryDirectory } from "../support/process/temporary-directory.ts";

/** Starts a daemon as systemd does, with a watchdog of 0.4 s. */
function startService(args: readonly string[], socket: string): ChildProcess {
  return new ChildProcess({
    command: [process.execPath, "src/main.ts", ...args, "--socket", "none"],
    cwd: REPOSITORY,
    env: { NODE_ENV: undefined, NOTIFY_SOCKET: socket, WATCHDOG_USEC: "400000" },
  });
}

test("a server is ready when it listens, reloads, feeds the watchdog, and says that it stops", async () => {
  await using directory = temporaryDirectory();
  using receiver = new NotifyReceiver(join(directory.path, "notify"));
  const config = join(directory.path, "server.yaml");
  await Bun.write(config, "keepalive: 5\n");
  await using server = startService(
    ["server", "--listen", "[::1]:0", "--config", config],
    join(directory.path, "notify"),
  );
  expect(await receiver.next("READY=1")).toBe("READY=1\nSTATUS=0 routes in 0 VNIs, 0 clients connected");
  expect(server.stderrLines.some((line) => line.includes("listening"))).toBeTrue();
  await receiver.next("WATCHDOG=1", receiver.received.length);

  await Bun.write(config, "keepalive: 6\n");
  const before = receiver.received.length;
  server.signal("SIGHUP");
  expect(await receiver.next("RELOADING=1", before)).toMatch(/^RELOADING=1\nMONOTONIC_USEC=\d+$/);
  expect(await receiver.next("READY=1", before)).toBe("READY=1");
  await server.logged(/configuration reloaded keepaliveSeconds|configuration reloaded/);

  server.signal("SIGTERM");
  expect(await server.ended).toBe(0);
  receiver.receive();
  expect(receiver.received.at(-1)).toMatch(/^STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=\d+$/);
});

test("a client is ready when each of its servers was tried, also if one is away", async () => {
  await using server = await startBunbondServer();
  const socket = `@bunbond-test-${process.pid}`;
  using receiver = new NotifyReceiver(socket);
  const route = standardRoute(100, "10.0.1.0/24", "2001:db8::1");
  await using client = startService(
    ["client", "--server", `${server.address},[::1]:1`, "--announce", announceFlag(route), "--drain", "1"],
    socket,
  );
  expect(await receiver.next("READY=1")).toBe("READY=1\nSTATUS=0 routes, 1 of 2 servers connected");
  client.signal("SIGTERM");
  expect(await receiver.next("STOPPING=1")).toContain("EXTEND_TIMEOUT_USEC=11000000");
  expect(await client.ended).toBe(0);
});

describe("socket activation", () => {
  /** Starts a server with descriptors from 3 on, as systemd does: LISTEN_PID is the process itself. */
  function activate(descriptors: readonly number[]) {
    const server = '"$@" server --settle 0 --socket none --listen "[::1]:1"';
    return Bun.spawn(["sh", "-c", `LISTEN_PID=$$ exec ${server}`, "sh", process.execPath, "src/main.ts"], {
      cwd: REPOSITORY,
      env: { ...process.env, NODE_ENV: undefined, LISTEN_FDS: `${descriptors.length}` },
      stdio: ["ignore", "ignore", "pipe", ...descriptors],
    });
  }

  /** Bun's types lack the descriptor. */
  const listen = (hostname: string) =>
    Bun.listen({ hostname, port: 0, socket: { data() {} } }) as Bun.TCPSocketListener & {
      readonly fd: number;
    };

  test.each(["::1", "127.0.0.1"])("a server takes a socket on %s in the place of --listen", async (host) => {
    const listener = listen(host);
    const server = activate([listener.fd]);
    const address = formatEndpoint({ host, port: listener.port });
    listener.stop();
    const route = standardRoute(100, "10.0.1.0/24", "2001:db8::1");
    await using _announcer = startBunbondClient({ servers: [address], announce: [announceFlag(route)] });
    await using client = startBunbondClient({ servers: [address], vnis: [100] });
    await client.viewIs([route]);
    server.kill("SIGTERM");
    expect(await server.exited).toBe(0);
    expect(await server.stderr.text()).toContain(`listening address=${address}\n`);
  });

  test("anything else than one listening TCP socket is refused in one line", async () => {
    const [one, two] = [listen("::1"), listen("::1")];
    const file = openSync("/dev/null", "r");
    for (const descriptors of [[one.fd, two.fd], [file]]) {
      const server = activate(descriptors);
      expect(await server.exited).toBe(1);
      expect(await server.stderr.text()).toMatch(
        /^bunbond server: cannot listen: the variable LISTEN_FDS .*\n$/,
      );
    }
    closeSync(file);
    one.stop();
    two.stop();
  });
});
