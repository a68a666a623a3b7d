/** The wait for a kernel that is up to date: when it ends, and how signals end it. */
import { describe, expect, test } from "bun:test";
import { ClosedError } from "../../src/base/bunbond-error.ts";
import { untilUpToDate } from "../../src/kernel/until-up-to-date.ts";
import { InstallerUnderTest } from "../support/kernel/installer-under-test.ts";

const A = "2001:db8::1";

async function waiting({ signal }: { readonly signal?: AbortSignal } = {}) {
  const rig = await InstallerUnderTest.started();
  const closing = new AbortController();
  let result = "waits";
  const end = (text: string) => {
    result = text;
  };
  untilUpToDate((run) => rig.installer.onceUpToDate(run), closing.signal, signal).then(
    () => end(`up to date: ${rig.installer.isUpToDate}`),
    (error: unknown) => end(`rejects: ${error instanceof Error ? error.message : String(error)}`),
  );
  await rig.settle();
  return { rig, closing, result: () => result };
}

describe("the wait for a kernel that is up to date", () => {
  test("ends when the view is complete and what is in it is installed", async () => {
    const { rig, result } = await waiting();
    await rig.add(`100 10.0.1.0/24 via ${A}`);
    expect(result()).toBe("waits");
    await rig.complete(100);
    expect(result()).toBe("up to date: true");
    expect(rig.kernel.ours()).toEqual([`100 10.0.1.0/24 via ${A}`]);
  });

  test("is over at once if that is so already", async () => {
    const { rig } = await waiting();
    await rig.complete(100);
    let calls = 0;
    rig.installer.onceUpToDate(() => calls++);
    expect(calls).toBe(1);
    await rig.add(`100 10.0.1.0/24 via ${A}`);
    expect(calls).toBe(1);
  });

  test("several waits end together, and a cancelled one does not", async () => {
    const { rig } = await waiting();
    const calls: string[] = [];
    rig.installer.onceUpToDate(() => calls.push("a"));
    const cancel = rig.installer.onceUpToDate(() => calls.push("b"));
    rig.installer.onceUpToDate(() => calls.push("c"));
    cancel();
    await rig.complete(100);
    expect(calls).toEqual(["a", "c"]);
  });

  test("rejects with the signal's reason, before or during the wait", async () => {
    expect((await waiting({ signal: AbortSignal.abort("no time") })).result()).toBe("rejects: no time");
    const controller = new AbortController();
    const { rig, result } = await waiting({ signal: controller.signal });
    controller.abort("no time");
    await rig.complete(100);
    expect(result()).toBe("rejects: no time");
  });

  test("rejects when the kernel routes are closed", async () => {
    const { rig, closing, result } = await waiting();
    closing.abort(new ClosedError("installer"));
    await rig.settle();
    expect(result()).toBe("rejects: the installer was closed");
  });

  test("refuses what is no signal", () => {
    const noSignal: unknown = "soon";
    const given = noSignal as AbortSignal;
    expect(() => untilUpToDate(() => () => {}, new AbortController().signal, given)).toThrow(
      expect.objectContaining({ code: "BAD_OPTION", option: "signal" }),
    );
  });
});
