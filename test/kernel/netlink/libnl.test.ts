/** Opening libnl, and what stands in its way. */
import { describe, expect, test } from "bun:test";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { openLibnl } from "../../../src/kernel/netlink/libnl.ts";
import { LIBRARY, libraryDirectories } from "../../../src/kernel/netlink/libnl-places.ts";
import { NamespaceKernel, type NamespaceKernelOptions } from "../../support/kernel/namespace-kernel.ts";
import { NetworkNamespace, reasonWithoutNamespaces } from "../../support/kernel/network-namespace.ts";
import { temporaryDirectory } from "../../support/process/temporary-directory.ts";

const directories = libraryDirectories(process.arch === "arm64" ? "arm64" : "x64");
const directory = directories.find((path) => Bun.spawnSync(["test", "-f", join(path, LIBRARY)]).success);
const { CI } = process.env;
if (CI && directory === undefined) throw new Error("CI runs the tests with libnl (Debian: libnl-3-200)");
const because = directory === undefined ? " (skipped: libnl-3 is not installed)" : "";

test("where there is none, the error says what to install", () => {
  expect(() => openLibnl({ directories: ["/nonexistent"], embeddedPath: null })).toThrow(
    expect.objectContaining({
      code: "LIBNL_MISSING",
      message: expect.stringMatching(/^libnl-3\.so\.200 is not installed, .*apt-get install libnl-3-200.*$/),
    }),
  );
});

test("where it is none, the error says why, once", () => {
  using scratch = temporaryDirectory();
  symlinkSync("/etc/passwd", join(scratch.path, LIBRARY));
  const open = () => openLibnl({ directories: [scratch.path], embeddedPath: null });
  expect(open).toThrow(expect.not.objectContaining({ cause: expect.anything() }));
  expect(open).toThrow(
    expect.objectContaining({
      code: "LIBNL_MISSING",
      message: expect.stringMatching(/^libnl-3\.so\.200 cannot be loaded, .*invalid ELF header$/),
    }),
  );
});

describe.skipIf(directory === undefined)(`the library${because}`, () => {
  const path = join(directory ?? "", LIBRARY);

  test("is the system's", () => {
    const libnl = openLibnl({ directories, embeddedPath: "/nonexistent" });
    expect(libnl.origin).toBe(path);
    using socket = libnl.openSocket();
    expect(socket.portId).toBeGreaterThan(0);
  });

  test("is the copy where the system has none or a broken one", () => {
    using scratch = temporaryDirectory();
    symlinkSync("/etc/passwd", join(scratch.path, LIBRARY));
    const libnl = openLibnl({ directories: ["/nonexistent", scratch.path], embeddedPath: path });
    expect(libnl.origin).toBe("the copy in the executable");
    using socket = libnl.openSocket();
    expect(socket.portId).toBeGreaterThan(0);
    expect(libnl.errorText(17)).toBe("File exists");
  });
});

const noNamespaces = reasonWithoutNamespaces();
const withoutThem = noNamespaces === null ? "" : ` (skipped: ${noNamespaces})`;

describe.skipIf(noNamespaces !== null || directory === undefined)(`the kernel${withoutThem}`, () => {
  const WITHOUT_CAPABILITY = ["setpriv", "--bounding-set=-net_admin"];

  test.each<[string, NamespaceKernelOptions, unknown]>([
    ["opens", {}, "open"],
    [
      "does not open without CAP_NET_ADMIN",
      { prefix: WITHOUT_CAPABILITY },
      {
        code: "NO_CAP_NET_ADMIN",
        message:
          "this process may not change routes: run it as root, or give it CAP_NET_ADMIN (systemd: AmbientCapabilities=CAP_NET_ADMIN)",
      },
    ],
    ["opens to be read without CAP_NET_ADMIN", { prefix: WITHOUT_CAPABILITY, isReadOnly: true }, "open"],
    [
      "does not open without the JIT",
      { prefix: ["env", "BUN_JSC_useJIT=0"] },
      {
        code: "JIT_OFF",
        message:
          "work on the kernel's routes needs the JIT, which is off here: take MemoryDenyWriteExecute= out of the systemd unit, or BUN_JSC_useJIT out of the environment",
      },
    ],
  ])("%s", async (_, options, result) => {
    await using namespace = await NetworkNamespace.create(["link set lo up"]);
    await using kernel = new NamespaceKernel(namespace, options);
    expect(await kernel.open()).toEqual(result);
    if (result !== "open") return;
    expect((await kernel.links()).map(({ name }) => name)).toEqual(["lo"]);
    expect(await kernel.routes()).toEqual([]);
  });
});
