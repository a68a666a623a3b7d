import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { silentLogger } from "../../../src/base/logger.ts";
import { openDaemonSocket, runDirectories } from "../../../src/cli/flags/socket-flag.ts";
import type { ControlServer } from "../../../src/http/control/control-server.ts";
import { temporaryDirectory } from "../../support/process/temporary-directory.ts";

/** A logger whose warnings and news are kept. */
function listening() {
  const logged: unknown[][] = [];
  const keep =
    (level: string) =>
    (...entry: unknown[]) =>
      logged.push([level, ...entry]);
  return { logged, logger: { ...silentLogger, warn: keep("warn"), info: keep("info") } };
}

/** A directory in which this process may make nothing. */
function forbiddenDirectory(directory: string): string {
  // Root may make files everywhere but for file systems of the kernel.
  if (process.getuid?.() === 0) return "/sys/bunbond";
  const closed = join(directory, "closed");
  mkdirSync(closed);
  chmodSync(closed, 0o500);
  return closed;
}

test("the default socket is done without where rights are missing, with a warning", async () => {
  using scratch = temporaryDirectory();
  const { logged, logger } = listening();
  const directory = forbiddenDirectory(scratch.path);
  expect(await openDaemonSocket({ directory }, "client", logger)).toBeNull();
  expect(logged).toEqual([
    ["warn", expect.stringMatching(/^no control socket/), { reason: expect.stringContaining(directory) }],
  ]);
});

test("a socket that was asked for is not", async () => {
  using scratch = temporaryDirectory();
  const path = join(forbiddenDirectory(scratch.path), "client.sock");
  const open = openDaemonSocket({ path }, "client", silentLogger);
  await expect(open).rejects.toMatchObject({ code: "NOT_PERMITTED" });
});

describe("where another daemon answers", () => {
  test("a path that was asked for is refused", async () => {
    using scratch = temporaryDirectory();
    const path = join(scratch.path, "client.sock");
    const first = await openDaemonSocket({ directory: scratch.path }, "client", silentLogger);
    const second = openDaemonSocket({ path }, "client", silentLogger);
    await expect(second).rejects.toMatchObject({
      code: "IN_USE",
      message: expect.stringContaining("--socket PATH"),
    });
    await first?.stop();
  });

  test("the next default path is taken, and said", async () => {
    using scratch = temporaryDirectory();
    const { logged, logger } = listening();
    const open = () => openDaemonSocket({ directory: scratch.path }, "server", logger);
    const opened = [await open(), await open(), await open()];
    const names = ["server", `server-${process.pid}`, `server-${process.pid}-2`];
    expect(opened.map((control) => control?.path)).toEqual(
      names.map((name) => join(scratch.path, `${name}.sock`)),
    );
    expect(logged).toEqual(
      opened
        .slice(1)
        .map((control) => [
          "info",
          "another daemon has the default control socket",
          { taken: opened[0]?.path, path: control?.path },
        ]),
    );
    await Promise.all(opened.map((control) => control?.stop()));
    expect(readdirSync(scratch.path)).toEqual([]);
  });

  test("many that start at once have one each", async () => {
    using scratch = temporaryDirectory();
    const opened = await Promise.all(
      Array.from({ length: 20 }, () => openDaemonSocket({ directory: scratch.path }, "client", silentLogger)),
    );
    const isOpen = (control: ControlServer | null) => control !== null;
    expect(new Set(opened.filter(isOpen).map(({ path }) => path)).size).toBe(20);
    expect(readdirSync(scratch.path)).toHaveLength(20);
    await Promise.all(opened.map((control) => control?.stop()));
  });
});

test("sockets that killed daemons left are removed, and nothing else", async () => {
  using scratch = temporaryDirectory();
  for (const name of ["server.sock", "server-7.sock", "client-8-2.sock", "mine.sock"]) {
    const listener = Bun.listen({ unix: join(scratch.path, "bound"), socket: { data() {} } });
    renameSync(join(scratch.path, "bound"), join(scratch.path, name));
    listener.stop(true);
  }
  await Bun.write(join(scratch.path, "client-9.sock"), "no socket");
  // A socket that is a moment old may be about to listen: age is what is tried, by the file system's clock.
  await Bun.sleep(1_100);
  const control = await openDaemonSocket({ directory: scratch.path }, "server", silentLogger);
  expect(control?.path).toBe(join(scratch.path, "server.sock"));
  expect(readdirSync(scratch.path).sort()).toEqual(["client-9.sock", "mine.sock", "server.sock"]);
  await control?.stop();
});

test("none is none", async () => {
  expect(await openDaemonSocket(null, "client", silentLogger)).toBeNull();
  expect(existsSync("none")).toBe(false);
});

describe("the directory", () => {
  test.each([
    [true, { XDG_RUNTIME_DIR: "/run/user/0" }, ["/run/bunbond"]],
    [false, {}, ["/run/bunbond"]],
    [false, { XDG_RUNTIME_DIR: "/run/user/1000" }, ["/run/user/1000/bunbond", "/run/bunbond"]],
    [false, { XDG_RUNTIME_DIR: "not/absolute" }, ["/run/bunbond"]],
  ] as const)("of root: %p, with %j", (isRoot, environment, directories) => {
    expect(runDirectories({ isRoot, environment })).toEqual([...directories] as [string, ...string[]]);
  });
});
