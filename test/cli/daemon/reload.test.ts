/** Reloading itself. With files and signals: test/process/reload.test.ts. */
import { expect, test } from "bun:test";
import { eventLog } from "../../../src/base/log-event.ts";
import type { LogFields } from "../../../src/base/logger.ts";
import { Reloader } from "../../../src/cli/daemon/reload.ts";
import type { Difference } from "../../../src/cli/daemon/reload-changes.ts";
import { UsageError } from "../../../src/cli/program/usage-error.ts";

/** A daemon whose options are one word; each of its letters that is new is a change. */
class Rig {
  readonly log: [string, string, LogFields][] = [];
  readonly applied: string[] = [];
  /** What the reads give, in order. */
  readonly reads: PromiseWithResolvers<string>[] = [];
  readonly reloader = new Reloader("a", {
    read: () => {
      const read = Promise.withResolvers<string>();
      this.reads.push(read);
      return read.promise;
    },
    difference: (before, after): Difference<string, { readonly type: string }> => ({
      changes: [...after].filter((letter) => !before.includes(letter)).map((type) => ({ type })),
      needRestart: after.endsWith("!") ? ["http", "json"] : [],
      warnings: after.startsWith("?") ? ["odd"] : [],
      inForce: after,
    }),
    apply: ({ type }) => this.applied.push(type),
    logger: eventLog({
      debug: () => {},
      info: (message, fields = {}) => this.log.push(["info", message, fields]),
      warn: (message, fields = {}) => this.log.push(["warn", message, fields]),
      error: (message, fields = {}) => this.log.push(["error", message, fields]),
    }),
  });

  async reload(read: string | Error): Promise<void> {
    const done = this.reloader.reload();
    const last = this.reads.at(-1);
    if (typeof read === "string") last?.resolve(read);
    else last?.reject(read);
    await done;
  }
}

const NOT_RELOADED = "configuration not reloaded, nothing has changed";

test("what is different is applied, and counted in the log", async () => {
  const rig = new Rig();
  await rig.reload("abbc");
  expect(rig.applied).toEqual(["b", "b", "c"]);
  expect(rig.reloader.inForce).toBe("abbc");
  await rig.reload("abc");
  expect(rig.log).toEqual([
    ["info", "configuration reloaded", { b: 2, c: 1 }],
    ["info", "configuration reloaded, nothing to change", {}],
  ]);
});

test("of settings the log says which they are", async () => {
  const log: unknown[] = [];
  const note = (...line: unknown[]) => void log.push(line);
  const reloader = new Reloader(1, {
    read: async () => 2,
    difference: () => ({
      changes: [
        { type: "configure", settings: { keepaliveSeconds: 1, staleTimes: {} } },
        { type: "subscribe" },
      ],
      needRestart: [],
      warnings: [],
      inForce: 2,
    }),
    apply: () => {},
    logger: eventLog({ debug: note, info: note, warn: note, error: note }),
  });
  await reloader.reload();
  expect(log).toEqual([
    ["configuration reloaded", { configure: "keepaliveSeconds,staleTimes", subscribe: 1 }],
  ]);
});

test("warnings and what needs a restart are told", async () => {
  const rig = new Rig();
  await rig.reload("?a!");
  expect(rig.log.slice(0, 2)).toEqual([
    ["warn", "an option or setting has an unexpected effect", { problem: "odd" }],
    ["warn", "changed settings that take effect at the next start", { settings: "http,json" }],
  ]);
});

test("a fault in the file changes nothing, and its place is told", async () => {
  const rig = new Rig();
  const place = { path: "edge.yaml", line: 7 };
  const value = { text: "1#x", range: { start: 2, end: 3 } };
  const other = new UsageError("BAD_VALUE", "announce: bad", { place });
  const detail = { place, value, hint: "do it", others: [other, other] };
  await rig.reload(new UsageError("BAD_VALUE", "announce: wrong", detail));
  await rig.reload(new UsageError("BAD_FILE", "empty", { place: { path: "edge.yaml", line: null } }));
  await rig.reload(new Error("out of memory"));
  expect(rig.applied).toEqual([]);
  expect(rig.reloader.inForce).toBe("a");
  expect(rig.log).toEqual([
    [
      "error",
      NOT_RELOADED,
      { file: "edge.yaml", line: 7, error: "announce: wrong", value: "1#x", hint: "do it", moreErrors: 2 },
    ],
    ["error", NOT_RELOADED, { file: "edge.yaml", error: "empty" }],
    ["error", NOT_RELOADED, { error: "out of memory" }],
  ]);
  await rig.reload("ab");
  expect(rig.applied).toEqual(["b"]);
});

test("asked while it is at it, it reads once more, and one at a time", async () => {
  const rig = new Rig();
  const first = rig.reloader.reload();
  const second = rig.reloader.reload();
  const third = rig.reloader.reload();
  expect(rig.reads).toHaveLength(1);
  rig.reads[0]?.resolve("ab");
  while (rig.reads.length < 2) await Promise.resolve();
  rig.reads[1]?.resolve("abc");
  await Promise.all([first, second, third]);
  expect(rig.reads).toHaveLength(2);
  expect(rig.applied).toEqual(["b", "c"]);
});

test("a daemon that stops changes no more", async () => {
  const rig = new Rig();
  const done = rig.reloader.reload();
  rig.reloader.stop();
  rig.reads[0]?.resolve("ab");
  await done;
  await rig.reloader.reload();
  expect(rig.reads).toHaveLength(1);
  expect(rig.applied).toEqual([]);
  expect(rig.log).toEqual([]);
});
