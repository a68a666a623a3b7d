/** What a program may ask of the kernel; that it is done, test/docs/library.test.ts and test/process/kernel-routes.test.ts say. */

import { describe, expect, test } from "bun:test";
import { FOLLOW_VIEW } from "../../src/client/view/client-view.ts";
import { KernelRoutes } from "../../src/kernel/kernel-routes.ts";
import type { KernelRoutesOptions } from "../../src/kernel/options.ts";
import { parsePrefix } from "../../src/net/prefix.ts";
import { route } from "../support/kernel/installer-under-test.ts";
import { DestinationViews } from "../support/models/destination-views.ts";

const prefix = parsePrefix("2001:db8::/32")?.prefix;
if (prefix === undefined) throw new Error("no prefix");

describe("numbers that cannot be are refused before anything is opened", () => {
  const cases: readonly (readonly [code: string, options: Partial<KernelRoutesOptions>])[] = [
    ["BAD_OPTION", { mappings: [{ vni: 1, table: 0 }] }],
    ["BAD_OPTION", { mappings: [{ vni: 1, table: 253 }] }],
    ["BAD_OPTION", { mappings: [{ vni: 1, table: 255 }] }],
    ["BAD_OPTION", { mappings: [{ vni: 1, table: 2 ** 32 }] }],
    [
      "BAD_OPTION",
      {
        mappings: [
          { vni: 1, table: 100 },
          { vni: 1, table: 200 },
        ],
      },
    ],
    ["BAD_VNI", { mappings: [{ vni: -1, table: 100 }] }],
    ["BAD_OPTION", { protocol: 4 }],
    ["BAD_OPTION", { protocol: 9 }],
    ["BAD_OPTION", { protocol: 256 }],
    ["BAD_OPTION", { preferredNetworks: [{ prefix, weight: 0 }] }],
    ["BAD_OPTION", { preferredNetworks: [{ prefix, weight: 256 }] }],
    ["BAD_OPTION", { reconcileIntervalSeconds: -1 }],
    ["BAD_OPTION", { reconcileIntervalSeconds: Number.NaN }],
  ];

  test.each(cases)("%s: %j", async (code, options) => {
    const opened = KernelRoutes.open({ mappings: [{ vni: 100, table: 100 }], device: "no-such", ...options });
    await expect(opened).rejects.toMatchObject({ code });
  });
});

// A program in JavaScript can give anything.
describe("options that make no sense are refused before anything is opened", () => {
  const cases: readonly (readonly [option: string, values: readonly unknown[]])[] = [
    ["mappings", [undefined, null, 5, "100=100", {}, [null], [5]]],
    ["device", [undefined, null, 5, ""]],
    ["protocol", [null, "254"]],
    ["excludedTypes", [null, 2, [9], [null]]],
    ["nat", [null, "no"]],
    ["ipv4Only", [null, 1]],
    ["preferredNetworks", [null, [null], [{ weight: 5 }], "2001:db8::/32"]],
    ["reconcileIntervalSeconds", [null, "300"]],
    ["dryRun", [null, true]],
    ["optionNames", [null, "x"]],
    ["logger", [null, {}]],
    ["cleanup", [true]],
  ];
  test.each(cases.flatMap(([option, values]) => values.map((value) => [option, value] as const)))(
    "%s: %j",
    async (option, value) => {
      const options = { mappings: [{ vni: 100, table: 100 }], device: "no-such", [option]: value };
      const opened = Reflect.apply(KernelRoutes.open, KernelRoutes, [options]);
      await expect(opened).rejects.toMatchObject({ name: "BadOptionError", option });
    },
  );

  test.each([null, 5, [], "overlay"])("as a whole: %j", async (options) => {
    const opened = Reflect.apply(KernelRoutes.open, KernelRoutes, [options]);
    await expect(opened).rejects.toMatchObject({ name: "BadOptionError", option: "options" });
  });
});

test("a device that is not there is named, also by a dry run, which needs no rights", async () => {
  const opened = KernelRoutes.open({
    mappings: [{ vni: 100, table: 100 }],
    device: "no-such",
    dryRun: () => {},
  });
  await expect(opened).rejects.toMatchObject({
    name: "KernelError",
    code: "DEVICE_MISSING",
    message: expect.stringContaining("no-such"),
  });
});

test("routes are read from the view of a client, so events of another origin are refused", async () => {
  const lines: string[] = [];
  const mappings = [{ vni: 100, table: 100 }];
  // Any device serves a dry run.
  await using kernel = await KernelRoutes.open({
    mappings,
    device: "lo",
    dryRun: (line) => lines.push(line),
  });
  const added = route("100 10.0.1.0/24 via 2001:db8::1");
  for (const event of ["routeAdded", "routeRemoved", "announced", "withdrawn"] as const) {
    expect(() => kernel[event](added)).toThrow(expect.objectContaining({ code: "NO_CLIENT" }));
  }
  const view = new DestinationViews();
  view.add(added);
  // What was in view before counts, too.
  kernel[FOLLOW_VIEW](view);
  kernel.complete(100);
  await kernel.upToDate();
  expect(lines.at(-1)).toStartWith("ip route add 10.0.1.0/24 table 100 nhid");
});
