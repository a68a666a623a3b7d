import { expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { openDaemonSocket } from "../../src/cli/socket-flag.ts";
import { silentLogger } from "../../src/session/logger.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

/** A logger whose warnings are kept. */
function listening() {
  const warnings: unknown[][] = [];
  return { warnings, logger: { ...silentLogger, warn: (...entry: unknown[]) => warnings.push(entry) } };
}

/** A path that this process may not make a socket at. */
function forbiddenPath(directory: string): string {
  // Root may make files everywhere but for file systems of the kernel.
  if (process.getuid?.() === 0) return "/sys/bunbond/client.sock";
  const closed = join(directory, "closed");
  mkdirSync(closed);
  chmodSync(closed, 0o500);
  return join(closed, "client.sock");
}

test("the default socket is done without where rights are missing, with a warning", async () => {
  using directory = temporaryDirectory();
  const { warnings, logger } = listening();
  const path = forbiddenPath(directory.path);
  expect(await openDaemonSocket({ path, isDefault: true }, "client", logger)).toBeNull();
  expect(warnings).toEqual([
    [expect.stringMatching(/^no control socket/), { reason: expect.stringContaining(path) }],
  ]);
});

test("a socket that was asked for is not", async () => {
  using directory = temporaryDirectory();
  const path = forbiddenPath(directory.path);
  const open = openDaemonSocket({ path, isDefault: false }, "client", silentLogger);
  await expect(open).rejects.toMatchObject({ code: "NOT_PERMITTED" });
});

test("another daemon's is not taken over nor done without, default or not", async () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, "client.sock");
  const first = await openDaemonSocket({ path, isDefault: true }, "client", silentLogger);
  for (const isDefault of [true, false]) {
    const second = openDaemonSocket({ path, isDefault }, "client", silentLogger);
    await expect(second).rejects.toMatchObject({
      code: "IN_USE",
      message: expect.stringContaining("--socket PATH"),
    });
  }
  await first?.stop();
});

test("none is none", async () => {
  expect(await openDaemonSocket(null, "client", silentLogger)).toBeNull();
  expect(existsSync("none")).toBe(false);
});
