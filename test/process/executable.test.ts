/** The built executable does what the sources do. How it is built is in test/build.test.ts. */
import { beforeAll, expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { bundlePage } from "../../src/page/bundle.ts";
import { everyRoute, vnisOfEveryRoute } from "../support/models/every-route.ts";
import { announceFlag, standardRoute } from "../support/models/text-route.ts";
import { builtExecutable } from "../support/process/built-executable.ts";
import { startBunbondClient, startBunbondServer } from "../support/process/bunbond-process.ts";
import { ChildProcess } from "../support/process/child-process.ts";
import { httpBase } from "../support/process/http-routes.ts";

let command: readonly string[];
beforeAll(async () => {
  command = [await builtExecutable()];
}, 300_000);

test("a server and two clients exchange every kind of route", async () => {
  const other = standardRoute(100, "10.0.9.0/24", "2001:db8::9");
  await using server = await startBunbondServer({ command });
  const common = { command, servers: [server.address], vnis: vnisOfEveryRoute };
  await using one = startBunbondClient({ ...common, announce: everyRoute.map(announceFlag) });
  await using two = startBunbondClient({ ...common, announce: [announceFlag(other)] });
  await two.viewIs(everyRoute);
  await one.viewIs([other]);
  expect(await one.stop()).toBe(0);
  await two.viewIs([]);
  expect(await server.stop()).toBe(0);
});

test("demo starts the executable itself as server and clients", async () => {
  await using demo = new ChildProcess({ command: [...command, "demo"], cwd: tmpdir() });
  expect(await demo.ended).toBe(0);
  expect(demo.stdoutLines.at(-1)).toEndWith("Everything happened as expected.");
});

test("the page is inside", async () => {
  await using server = await startBunbondServer({ command, flags: ["--http", "[::1]:0"] });
  const base = await httpBase(server);
  const page = await fetch(base, { headers: { accept: "text/html" } });
  expect(page.headers.get("content-type")).toBe("text/html;charset=utf-8");
  for (const { path, text } of await bundlePage()) {
    const served = await (await fetch(base + path, { headers: { accept: "text/html" } })).text();
    expect([path, served]).toEqual([path, text]);
  }
});

test("help has its topics inside", async () => {
  const help = async (words: readonly string[]) => {
    await using child = new ChildProcess({ command: [...words, "help", "log-events"], cwd: tmpdir() });
    expect(await child.ended).toBe(0);
    return child.stdoutLines;
  };
  const lines = await help(command);
  expect(lines.length).toBeGreaterThan(50);
  expect(lines).toEqual(
    await help([process.execPath, fileURLToPath(new URL("../../src/main.ts", import.meta.url))]),
  );
});
