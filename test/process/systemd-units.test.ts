/** systemd's own judgement of the units that `bunbond install` writes. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { installCommands } from "../../src/cli/commands/install-commands.ts";
import { runInProcess } from "../cli/in-process.ts";
import { temporaryDirectory } from "../support/process/temporary-directory.ts";

/** In tenths, as --threshold has it: 10 is no protection at all, and up to 2 is "OK". */
const MOST_EXPOSURE_TENTHS = 20;

const analyze = Bun.which("systemd-analyze");
const reason = analyze === null ? " (skipped: systemd-analyze is not installed)" : "";

async function run(command: readonly string[]) {
  const child = Bun.spawn([...command], {
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, LC_ALL: "C" },
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { exitCode: await child.exited, stdout, stderr };
}

describe.skipIf(analyze === null)(`systemd-analyze${reason}`, () => {
  const kernelRoutes = ["--tun", "overlay", "--install-routes", "100#100"];
  const zone = ["--listen", "[fe80::1%eth0]:179"];
  test.each([
    ["server", zone, ["bunbond-server.service"]],
    [
      "server",
      ["--socket-unit", "--listen", "[::]:179"],
      ["bunbond-server.service", "bunbond-server.socket"],
    ],
    ["client", ["--server", "one.example"], ["bunbond-client.service"]],
    [
      "client",
      ["--server", "one.example", ...kernelRoutes],
      ["bunbond-client.service", "bunbond-tunnel.service"],
    ],
  ])("is content with a %s %p", async (program, flags, units) => {
    await using directory = temporaryDirectory();
    // What the units start must be there for it.
    const executable = [
      "--executable",
      process.execPath.startsWith("/root/") ? "/usr/bin/env" : process.execPath,
    ];
    const { exitCode } = await runInProcess(
      ["install", program, ...flags, ...executable, "--root", directory.path],
      installCommands,
    );
    expect(exitCode).toBe(0);
    const paths = units.map((unit) => join(directory.path, "etc/systemd/system", unit));
    expect(await run(["systemd-analyze", "verify", "--man=no", ...paths])).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "",
    });
    for (const path of paths.slice(0, 1)) {
      const threshold = `--threshold=${MOST_EXPOSURE_TENTHS}`;
      const { exitCode: security, stdout } = await run([
        ...["systemd-analyze", "security", "--no-pager", "--offline=true", threshold],
        path,
      ]);
      expect(stdout).toContain("Overall exposure level");
      expect(security).toBe(0);
    }
  });
});
