/** Servers given by name, where the only name server answers nothing. */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { NetworkNamespace, reasonWithoutNamespaces } from "../support/kernel/network-namespace.ts";
import { FROM_SOURCE, startBunbondClient, startBunbondServer } from "../support/process/bunbond-process.ts";
import { ChildProcess } from "../support/process/child-process.ts";
import { temporaryDirectory } from "../support/process/temporary-directory.ts";

const reason = reasonWithoutNamespaces();
const because = reason === null ? "" : ` (skipped: ${reason})`;

/** More than Bun has threads for look-ups. */
const SILENT_NAMES = 10;
/** The system gives up such a name only after 10 s. */
const AT_ONCE_MS = 5_000;

describe.skipIf(reason !== null)(`names that nobody answers for${because}`, () => {
  test("do not hold up a server in /etc/hosts, nor a reload", async () => {
    using directory = temporaryDirectory();
    const write = (name: string, text: string) => {
      writeFileSync(join(directory.path, name), text);
      return join(directory.path, name);
    };
    const resolv = write("resolv.conf", "nameserver 127.0.0.1\n");
    const hosts = write("hosts", "127.0.0.1 localhost\n::1 good.example\n");
    const silentNames = Array.from({ length: SILENT_NAMES }, (_, i) => `silent-${i}.example`);
    const config = (vni: number) =>
      write("client.yaml", `server: [${silentNames.join(", ")}, "good.example:4711"]\nvni: ${vni}\n`);

    await using namespace = await NetworkNamespace.create(["link set lo up"]);
    const mounts = `mount --bind ${resolv} /etc/resolv.conf && mount --bind ${hosts} /etc/hosts`;
    const inside = [
      ...namespace.enter,
      ...["unshare", "--mount", "sh", "-c", `${mounts} && exec "$0" "$@"`, ...FROM_SOURCE],
    ];
    const script = `await Bun.udpSocket({ hostname: "127.0.0.1", port: 53 }); console.log("silent");`;
    await using nameServer = new ChildProcess({
      command: [...namespace.enter, process.execPath, "-e", script],
    });
    await nameServer.until("the name server", () => nameServer.stdoutLines[0]);
    await using _server = await startBunbondServer({ command: inside, listen: "[::1]:4711" });
    await using client = startBunbondClient({
      command: inside,
      servers: [],
      flags: ["--config", config(1)],
    });
    await client.logged(/started/);
    const startMs = performance.now();
    await client.logged(/server established server=good.example:4711/);
    config(2);
    client.signal("SIGHUP");
    await client.logged(/configuration reloaded/);
    expect(performance.now() - startMs).toBeLessThan(AT_ONCE_MS);
  });
});
