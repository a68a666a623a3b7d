/** `bunbond install`: which files it writes, with which flags, and which it leaves alone. */
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { installCommands } from "../../../src/cli/commands/install-commands.ts";
import { temporaryDirectory } from "../../support/process/temporary-directory.ts";
import { runInProcess } from "../in-process.ts";

const SERVER_UNIT = "/etc/systemd/system/bunbond-server.service";
const CLIENT_UNIT = "/etc/systemd/system/bunbond-client.service";
const TUNNEL_UNIT = "/etc/systemd/system/bunbond-tunnel.service";
const NETWORKD_DROP_IN = "/etc/systemd/networkd.conf.d/50-bunbond.conf";
const ROUTE_PROTOCOL = "/etc/iproute2/rt_protos.d/bunbond.conf";

const KERNEL_ROUTES = ["--server", "one.example", "--tun", "overlay", "--install-routes", "100#100"];

const install = (...args: readonly string[]) => runInProcess(["install", ...args], installCommands);

/** Returns the files that would be written, by their paths. */
async function filesOf(...args: readonly string[]): Promise<Map<string, string>> {
  await using directory = temporaryDirectory();
  const { stdout, stderr } = await install(...args, "--dry-run", "--json", "--root", directory.path);
  if (stdout === "") throw new Error(stderr);
  expect(existsSync(join(directory.path, "etc"))).toBeFalse();
  const { files }: { files: { path: string; text: string }[] } = JSON.parse(stdout);
  return new Map(files.map(({ path, text }) => [path, text]));
}

/** Returns the value of a setting in the first section that has it. */
function setting(text: string | undefined, name: string): string | undefined {
  return new RegExp(`^${name}=(.*)$`, "m").exec(text ?? "")?.[1];
}

describe("the unit has the flags that are given", () => {
  test.each([
    ["none", [], ""],
    ["a letter becomes the long name", ["-l", "::1"], " --listen=::1"],
    ["a switch", ["--verbose"], " --verbose"],
    ["a switch that is off", ["--verbose=false"], ""],
    [
      "a list",
      ["--http", "::1", "--http-host", "a.example,b.example"],
      " --http=::1 --http-host=a.example --http-host=b.example",
    ],
  ])("%s", async (_, flags, expected) => {
    const unit = (await filesOf("server", ...flags)).get(SERVER_UNIT);
    expect(setting(unit, "ExecStart")).toBe(`/usr/local/bin/bunbond server${expected}`);
  });

  test("of a client, without those of the command itself", async () => {
    const files = await filesOf(
      "client",
      ...KERNEL_ROUTES,
      "--make-device",
      "none",
      "--executable",
      "/opt/bunbond",
    );
    expect(setting(files.get(CLIENT_UNIT), "ExecStart")).toBe(
      "/opt/bunbond client --server=one.example --tun=overlay --install-routes=100#100",
    );
  });
});

describe("the files of", () => {
  test.each([
    ["a server", ["server"], [SERVER_UNIT]],
    ["a client without kernel routes", ["client", "-s", "one.example"], [CLIENT_UNIT]],
    [
      "one with kernel routes",
      ["client", ...KERNEL_ROUTES],
      [CLIENT_UNIT, TUNNEL_UNIT, NETWORKD_DROP_IN, ROUTE_PROTOCOL],
    ],
    [
      "one with a device of systemd-networkd",
      ["client", ...KERNEL_ROUTES, "--make-device", "networkd"],
      [
        CLIENT_UNIT,
        "/etc/systemd/network/50-bunbond-overlay.netdev",
        "/etc/systemd/network/50-bunbond-overlay.network",
        NETWORKD_DROP_IN,
        ROUTE_PROTOCOL,
      ],
    ],
    [
      "one with a device of somebody else",
      ["client", ...KERNEL_ROUTES, "--make-device", "none"],
      [CLIENT_UNIT, NETWORKD_DROP_IN, ROUTE_PROTOCOL],
    ],
  ])("%s", async (_, args, expected) => {
    expect([...(await filesOf(...args)).keys()]).toEqual(expected);
  });
});

test("a socket unit listens where the server would", async () => {
  const files = await filesOf("server", "--socket-unit", "--listen", "::1");
  expect(setting(files.get("/etc/systemd/system/bunbond-server.socket"), "ListenStream")).toBe("[::1]:4711");
  const unit = files.get(SERVER_UNIT);
  expect(setting(unit, "Requires")).toBe("bunbond-server.socket");
  expect(setting(unit, "ExecStart")).toBe("/usr/local/bin/bunbond server --listen=::1");
});

describe("capabilities", () => {
  test.each([
    ["none for a server", ["server"], SERVER_UNIT, ""],
    ["a low port", ["server", "--listen", "[::]:179"], SERVER_UNIT, "CAP_NET_BIND_SERVICE"],
    ["none for a client without kernel routes", ["client", "-s", "a.example"], CLIENT_UNIT, ""],
    ["kernel routes", ["client", ...KERNEL_ROUTES], CLIENT_UNIT, "CAP_NET_ADMIN"],
  ])("%s", async (_, args, path, expected) => {
    const unit = (await filesOf(...args)).get(path);
    expect(setting(unit, "CapabilityBoundingSet")).toBe(expected);
    expect(setting(unit, "AmbientCapabilities")).toBe(expected);
  });
});

test("the client's unit comes after that of its tunnel device", async () => {
  const files = await filesOf("client", ...KERNEL_ROUTES);
  expect(setting(files.get(CLIENT_UNIT), "After")).toBe("network-online.target bunbond-tunnel.service");
  expect(setting(files.get(TUNNEL_UNIT), "ExecStart")).toBe(
    "-ip link add overlay type ip6tnl mode any external",
  );
});

test("the route protocol is the one of the flag", async () => {
  const files = await filesOf("client", ...KERNEL_ROUTES, "--route-protocol", "200");
  expect(files.get(ROUTE_PROTOCOL)).toEndWith("\n200\tbunbond\n");
});

describe("a mistake is refused before anything is written", () => {
  test.each([
    ["of the daemon", ["client", "-s", "one.example", "--vni", "x"], 2, "--vni"],
    ["a missing flag of the daemon", ["client", "--vni", "100"], 2, "--server is missing"],
    ["an unknown flag", ["server", "--retian", "30"], 2, "did you mean --retain?"],
    [
      "a relative path",
      ["server", "--config", "server.yaml"],
      2,
      "--config: an absolute path is needed, since the service runs in /",
    ],
    ["an executable that a service does not see", ["server", "--executable", "/root/bunbond"], 2, "/root/"],
    [
      "the kernel's own device",
      ["client", "-s", "one.example", "--install-routes", "100#100"],
      2,
      "choose another name",
    ],
    [
      "a name for a socket unit",
      ["server", "--socket-unit", "--listen", "a.example"],
      2,
      "a socket unit needs",
    ],
    [
      "any port for a socket unit",
      ["server", "--socket-unit", "--listen", "[::1]:0"],
      2,
      "a socket unit needs",
    ],
    [
      "a zone for a socket unit",
      ["server", "--socket-unit", "--listen", "[fe80::1%lo]"],
      2,
      "a socket unit needs",
    ],
    ["--now for an image", ["server", "--now"], 2, "--now and --root exclude each other"],
    ["a file that is not there", ["server", "--config", "/none.yaml"], 2, "none.yaml"],
  ])("%s", async (_, args, expectedCode, message) => {
    await using directory = temporaryDirectory();
    const { exitCode, stderr, stdout } = await install(...args, "--root", directory.path);
    expect([exitCode, stdout]).toEqual([expectedCode, ""]);
    expect(stderr).toContain(message);
    expect(existsSync(join(directory.path, "etc"))).toBeFalse();
  });
});

test("a configuration file is read below the root", async () => {
  await using directory = temporaryDirectory();
  writeFileSync(join(directory.path, "server.yaml"), "keepalive: 0\n");
  const args = ["server", "--config", "/server.yaml", "--root", directory.path];
  expect(await install(...args)).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("server.yaml:1"),
  });
  writeFileSync(join(directory.path, "server.yaml"), "keepalive: 5\n");
  expect(await install(...args)).toMatchObject({ exitCode: 0 });
  const unit = readFileSync(join(directory.path, SERVER_UNIT), "utf8");
  expect(setting(unit, "ExecStart")).toBe("/usr/local/bin/bunbond server --config=/server.yaml");
});

describe("a second time", () => {
  test("its own files are replaced, and equal ones kept", async () => {
    await using directory = temporaryDirectory();
    const root = ["--root", directory.path];
    const first = await install("client", ...KERNEL_ROUTES, ...root);
    expect(first.stdout).toStartWith(`written    ${CLIENT_UNIT}\n`);
    const second = await install("client", ...KERNEL_ROUTES, "--drain", "5", ...root);
    expect(second.stdout).toStartWith(`replaced   ${CLIENT_UNIT}\nunchanged  ${TUNNEL_UNIT}\n`);
    expect(readFileSync(join(directory.path, CLIENT_UNIT), "utf8")).toContain(" --drain=5\n");
  });

  test.each([
    ["changed", (text: string) => text.replace("overlay up", "overlay up mtu 1500")],
    ["written by somebody else", () => "[Unit]\n"],
  ])("a file that was %s stops the whole command, unless forced", async (_, change) => {
    await using directory = temporaryDirectory();
    const args = ["client", ...KERNEL_ROUTES, "--root", directory.path];
    mkdirSync(join(directory.path, "etc/systemd/system"), { recursive: true });
    const path = join(directory.path, TUNNEL_UNIT);
    await install(...args);
    const changed = change(readFileSync(path, "utf8"));
    writeFileSync(path, changed);
    const refused = await install(...args, "--verbose");
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain(`nothing is written: ${TUNNEL_UNIT} was not written by this program`);
    expect(readFileSync(path, "utf8")).toBe(changed);
    expect(readFileSync(join(directory.path, CLIENT_UNIT), "utf8")).not.toContain("--verbose");
    expect(await install(...args, "--force")).toMatchObject({ exitCode: 0 });
    expect(readFileSync(path, "utf8")).toContain("ip link add overlay");
  });
});

test("the text and the object have the same files", async () => {
  const args = ["client", ...KERNEL_ROUTES, "--dry-run"];
  const { stdout } = await install(...args);
  const { files }: { files: { path: string; text: string }[] } = JSON.parse(
    (await install(...args, "--json")).stdout,
  );
  expect(stdout).toBe(files.map(({ path, text }) => `# ${path}\n${text}`).join("\n"));
});

test("what is not right yet is a warning", async () => {
  const { stderr } = await install(
    "client",
    "-s",
    "one.example",
    "--tun",
    "overlay",
    "--dry-run",
    "--root",
    "/none",
  );
  expect(stderr).toContain("warning: without --install-routes these flags have no effect: --tun\n");
  expect(stderr).toContain("warning: there is no /none/usr/local/bin/bunbond: copy the executable there\n");
});
