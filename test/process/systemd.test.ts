/** The units that `bunbond install` writes, run by systemd itself with all their hardening. */
import { describe, expect, test } from "bun:test";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { installCommands } from "../../src/cli/commands/install-commands.ts";
import { runInProcess } from "../cli/in-process.ts";
import { builtExecutable } from "../support/process/built-executable.ts";
import {
  EXECUTABLE_IN_SYSTEMD,
  reasonWithoutSystemd,
  SystemdManager,
} from "../support/process/systemd-manager.ts";
import { temporaryDirectory } from "../support/process/temporary-directory.ts";

const POLL_MS = 20;
const reason = reasonWithoutSystemd();

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await Bun.sleep(POLL_MS);
}

/** Writes the units of a daemon where systemd finds them. */
async function install(systemd: SystemdManager, ...args: readonly string[]): Promise<void> {
  await using directory = temporaryDirectory();
  const place = ["--executable", EXECUTABLE_IN_SYSTEMD, "--root", directory.path];
  expect(await runInProcess(["install", ...args, ...place], installCommands)).toMatchObject({ exitCode: 0 });
  cpSync(join(directory.path, "etc/systemd/system"), systemd.unitDirectory, { recursive: true });
  expect(systemd.run("systemctl", "daemon-reload").exitCode).toBe(0);
}

describe.skipIf(reason !== null)(`systemd${reason === null ? "" : ` (skipped: ${reason})`}`, () => {
  test("runs a server and a client as one user without rights, and restarts one that hangs", async () => {
    await using systemd = await SystemdManager.start(await builtExecutable());
    await install(systemd, "server", "--listen", "[::1]:4711", "--settle", "0");
    await install(systemd, "client", "--server", "[::1]:4711", "--announce", "100#10.0.1.0/24@2001:db8::1");
    for (const service of ["bunbond-server", "bunbond-client"]) {
      expect(systemd.run("systemctl", "start", service)).toMatchObject({ exitCode: 0, stderr: "" });
    }
    // It counts as started when it is ready.
    expect(systemd.show("bunbond-client", "StatusText")).toBe("0 routes, 1 of 1 server connected");
    const pid = systemd.show("bunbond-server", "MainPID");
    const status = systemd.run("cat", `/proc/${pid}/status`).stdout;
    expect(status).toContain("\nCapEff:\t0000000000000000\n");
    expect(status).toContain("\nNoNewPrivs:\t1\n");
    expect(status).toContain("\nSeccomp:\t2\n");
    expect(status).not.toMatch(/^Uid:\t0/m);
    // Both control sockets are in one directory.
    const { stdout } = systemd.run(EXECUTABLE_IN_SYSTEMD, "status");
    expect(stdout).toContain("/run/bunbond/client.sock:");
    expect(stdout).toContain("/run/bunbond/server.sock:");

    const dropIn = join(systemd.unitDirectory, "bunbond-client.service.d");
    mkdirSync(dropIn);
    writeFileSync(join(dropIn, "watchdog.conf"), "[Service]\nWatchdogSec=3\n");
    systemd.run("systemctl", "daemon-reload");
    systemd.run("systemctl", "restart", "bunbond-client");
    systemd.run("systemctl", "kill", "--kill-who=main", "--signal=STOP", "bunbond-client");
    await until(() => Number(systemd.show("bunbond-client", "NRestarts")) > 0);

    expect(systemd.run("systemctl", "stop", "bunbond-client", "bunbond-server").exitCode).toBe(0);
    expect(systemd.show("bunbond-server", "Result")).toBe("success");
  }, 120_000);

  test("runs after one command, and with other flags after another one", async () => {
    await using systemd = await SystemdManager.start(await builtExecutable());
    const installNow = (...flags: readonly string[]) =>
      systemd.run(EXECUTABLE_IN_SYSTEMD, "install", "server", "--listen", "[::1]:4711", ...flags, "--now");
    const first = installNow();
    expect(first).toMatchObject({ exitCode: 0, stderr: "" });
    expect(first.stdout).toEndWith("  systemctl enable bunbond-server\n  systemctl restart bunbond-server\n");
    const pid = systemd.show("bunbond-server", "MainPID");
    expect(systemd.show("bunbond-server", "UnitFileState")).toBe("enabled");
    expect(systemd.show("bunbond-server", "ActiveState")).toBe("active");
    // Nothing has changed, so nothing is restarted.
    expect(installNow().stdout).toContain("unchanged  /etc/systemd/system/bunbond-server.service\n");
    expect(systemd.show("bunbond-server", "MainPID")).toBe(pid);
    expect(installNow("--retain", "30").exitCode).toBe(0);
    expect(systemd.show("bunbond-server", "MainPID")).not.toBe(pid);
    const failed = installNow("--http", "192.0.2.1:80");
    expect(failed.exitCode).toBe(1);
    expect(failed.stderr).toMatch(
      /^bunbond install server: the files are written, but systemctl restart bunbond-server failed: .*\n$/,
    );
  }, 120_000);

  test("reloads a configuration file, and passes a socket on", async () => {
    await using systemd = await SystemdManager.start(await builtExecutable());
    await using directory = temporaryDirectory();
    mkdirSync(join(directory.path, "run/conf"), { recursive: true });
    writeFileSync(join(directory.path, "run/conf/server.yaml"), "keepalive: 5\n");
    expect(
      await runInProcess(
        [
          ...["install", "server", "--listen", "[::1]:4711", "--socket-unit", "--root", directory.path],
          ...["--config", "/run/conf/server.yaml", "--executable", EXECUTABLE_IN_SYSTEMD],
        ],
        installCommands,
      ),
    ).toMatchObject({ exitCode: 0 });
    cpSync(join(directory.path, "etc/systemd/system"), systemd.unitDirectory, { recursive: true });
    const write = (text: string) =>
      systemd.run("sh", "-c", 'mkdir -p /run/conf && echo "$0" > /run/conf/server.yaml', text);
    write("keepalive: 5");
    systemd.run("systemctl", "daemon-reload");
    expect(systemd.run("systemctl", "start", "bunbond-server.socket", "bunbond-server").exitCode).toBe(0);
    write("keepalive: 7");
    expect(systemd.run("systemctl", "reload", "bunbond-server").exitCode).toBe(0);
    expect(systemd.show("bunbond-server", "ActiveState")).toBe("active");
    const client = [EXECUTABLE_IN_SYSTEMD, "client", "--server", "[::1]:4711", "--keepalive", "60"];
    // The unit's command only sends the signal.
    await until(() => {
      const log = systemd.run("timeout", "--signal=TERM", "1", ...client, "--socket", "none").stderr;
      return log.includes("server established server=[::1]:4711 keepaliveSeconds=7\n");
    });
  }, 120_000);
});
