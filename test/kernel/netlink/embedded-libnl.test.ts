/** The copy of libnl that the executable carries: what makes it run on a system that has none. */
import { describe, expect, test } from "bun:test";
import { NetworkNamespace, reasonWithoutNamespaces } from "../../support/kernel/network-namespace.ts";
import { builtExecutable, LIBNL_PATHS } from "../../support/process/built-executable.ts";
import { ChildProcess } from "../../support/process/child-process.ts";

const reason = LIBNL_PATHS.length === 0 ? "libnl-3 is not installed" : reasonWithoutNamespaces();
const because = reason === null ? "" : ` (skipped: ${reason})`;

describe.skipIf(reason !== null)(`the executable${because}`, () => {
  test("works where the system has no libnl", async () => {
    await using namespace = await NetworkNamespace.create(["link set lo up"]);
    // For this command alone, each of the system's is an empty file.
    const hide = LIBNL_PATHS.map((path) => `mount --bind /dev/null ${path} && `);
    const command = [
      ...[...namespace.enter, "unshare", "--mount", "sh", "-c", `${hide.join("")} exec "$0" cleanup`],
      await builtExecutable(),
    ];
    await using cleanup = new ChildProcess({ command });
    expect(await cleanup.ended).toBe(0);
    expect(cleanup.stderrLines).toEqual([]);
    expect(cleanup.stdoutLines).toEqual(["nothing to remove"]);
  });

  test("prints libnl's licence", async () => {
    await using version = new ChildProcess({ command: [await builtExecutable(), "version", "--licenses"] });
    expect(await version.ended).toBe(0);
    const text = version.stdoutLines.join("\n");
    expect(text).toContain("libnl (libnl-3.so.200)\n    LGPL-2.1, below.");
    expect(text).toContain("GNU LESSER GENERAL PUBLIC LICENSE");
    expect(text).toContain("That's all there is to it!");
  });
});
