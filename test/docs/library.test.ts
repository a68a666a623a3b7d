/** The library's examples in the documents run, and its declarations suit strict users. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { NetworkNamespace, reasonWithoutNamespaces } from "../support/kernel/network-namespace.ts";
import { FROM_SOURCE, startBunbondClient, startBunbondServer } from "../support/process/bunbond-process.ts";
import { ChildProcess } from "../support/process/child-process.ts";
import { block, REPOSITORY } from "../support/process/documents.ts";
import { projectWithLibrary } from "../support/process/library-project.ts";

/** Uses something of every kind that the library has. */
const STRICT_PROGRAM = `
  import { BunBondError, Client, KernelRoutes, makeRoute, Server, type ViewEvent } from "bunbond";
  const server = await Server.start({
    listen: "[::1]:0",
    handler: { peerGone: ({ id }, { reason }) => console.error(id, reason) },
  });
  const client = Client.connect({ servers: [server.endpoint], handler: { routeAdded: ({ vni }) => console.error(vni) } });
  await client.established({ timeoutMs: 1_000, signal: AbortSignal.timeout(1_000) });
  const route = makeRoute({ vni: 100, destination: "10.0.1.0/24", nextHop: "2001:db8::1" });
  client.announce(route);
  const events: ViewEvent[] = [];
  for await (const event of client.changes({ vnis: [100] })) {
    events.push(event);
    if (event.type === "complete") break;
  }
  const kernel = await KernelRoutes.open({ mappings: [{ vni: 100, table: 100 }], device: "overlay" });
  const tables: number[] = kernel.status().tables.map(({ table }) => table);
  console.error(tables, BunBondError.name, server.stats().counters.closes);
  await client.close();
  server.stop();
`;

describe("the library's examples, in a project of their own", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await projectWithLibrary();
    await writeFile(join(directory, "example.ts"), block("ts", "An example"));
    await writeFile(join(directory, "readme-example.ts"), block("ts", "As a library"));
    await writeFile(join(directory, "kernel-example.ts"), block("ts", "Kernel routes from a program"));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  test.each([
    ["example.ts", "An example"],
    ["readme-example.ts", "As a library"],
  ])("%s prints what it is said to print", async (file, heading) => {
    await using example = new ChildProcess({ command: [process.execPath, file], cwd: directory });
    expect(await example.ended).toBe(0);
    expect(example.stderrLines).toEqual([]);
    expect(example.stdoutLines).toEqual(block("text", heading).trimEnd().split("\n"));
  });

  test("the README's is short", () => {
    expect(block("ts", "As a library").split("\n").length).toBeLessThanOrEqual(26);
  });

  const reason = reasonWithoutNamespaces();
  test.skipIf(reason !== null)(
    `installs routes, in a network namespace${reason === null ? "" : ` (skipped: ${reason})`}`,
    async () => {
      await using namespace = await NetworkNamespace.create([
        "link set lo up",
        // Takes its ends from the route as an ip6tnl does, which is not in every kernel.
        "link add overlay type vxlan external dstport 4789",
        "link set overlay up",
      ]);
      const command = [...namespace.enter, ...FROM_SOURCE];
      await using server = await startBunbondServer({ command });
      const servers = [server.address];
      await using _other = startBunbondClient({
        command,
        servers,
        announce: ["100#10.0.1.0/24@2001:db8::1"],
      });
      await using witness = startBunbondClient({ command, servers, vnis: [100] });
      await witness.until("the announcement", () =>
        witness.stdoutLines.find((line) => line.includes('"event":"add"')),
      );
      await using example = new ChildProcess({
        command: [...namespace.enter, process.execPath, "kernel-example.ts", server.address],
        cwd: directory,
      });
      expect(await example.ended).toBe(0);
      expect(example.stdoutLines).toContain("100 1");
    },
  );

  // What a user's own settings may be: nothing of ours is to be checked by them but declarations.
  test.each([
    ["Bun's types", { types: ["bun"], lib: ["ES2022"] }],
    ["a browser's", { types: [], lib: ["ES2022", "DOM"] }],
  ])("has declarations for strict users of nodenext and ES2022 with %s", async (_, environment) => {
    const options = {
      target: "ES2022",
      module: "nodenext",
      moduleResolution: "nodenext",
      noEmit: true,
      strict: true,
      skipLibCheck: false,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      noPropertyAccessFromIndexSignature: true,
      noImplicitOverride: true,
      noUnusedLocals: true,
      noUnusedParameters: true,
      erasableSyntaxOnly: true,
      verbatimModuleSyntax: true,
      isolatedModules: true,
      ...environment,
    };
    const config = { compilerOptions: options, files: ["strict.ts"] };
    await writeFile(join(directory, "tsconfig.strict.json"), JSON.stringify(config));
    await writeFile(join(directory, "strict.ts"), STRICT_PROGRAM);
    await using compiler = new ChildProcess({
      command: [process.execPath, join(REPOSITORY, "node_modules/.bin/tsc"), "-p", "tsconfig.strict.json"],
      cwd: directory,
    });
    expect([await compiler.ended, compiler.stdoutLines]).toEqual([0, []]);
  });

  test("has the right types", async () => {
    await using check = new ChildProcess({
      command: [process.execPath, "check", "--no-script"],
      cwd: directory,
    });
    const exitCode = await check.ended;
    expect([exitCode, check.stdoutLines]).toEqual([0, []]);
    expect(check.stderrLines.join()).toMatch(/No type errors in \d+ files/);
  });
});
