/** Reloading itself. With files and signals: test/process/reload.test.ts. */
import { expect, test } from "bun:test";
import { eventLog } from "../../../src/base/log-event.ts";
import type { LogFields } from "../../../src/base/logger.ts";
import type { Difference } from "../../../src/cli/daemon/config-diff.ts";
import { Reloader } from "../../../src/cli/daemon/reload.ts";
import { UsageError } from "../../../src/cli/program/usage-error.ts";

/** A daemon whose options are one word; each of its letters that is new is a change. */
class Stage {
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
  const stage = new Stage();
  await stage.reload("abbc");
  expect(stage.applied).toEqual(["b", "b", "c"]);
  expect(stage.reloader.inForce).toBe("abbc");
  await stage.reload("abc");
  expect(stage.log).toEqual([
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
  const stage = new Stage();
  await stage.reload("?a!");
  expect(stage.log.slice(0, 2)).toEqual([
    ["warn", "an option or setting has an unexpected effect", { problem: "odd" }],
    ["warn", "changed settings that take effect at the next start", { settings: "http,json" }],
  ]);
});

test("a fault in the file changes nothing, and its place is told", async () => {
  const stage = new Stage();
  const place = { path: "edge.yaml", line: 7 };
  const value = { text: "1#x", range: { start: 2, end: 3 } };
  const other = new UsageError("BAD_VALUE", "announce: bad", { place });
  const detail = { place, value, hint: "do it", others: [other, other] };
  await stage.reload(new UsageError("BAD_VALUE", "announce: wrong", detail));
  await stage.reload(new UsageError("BAD_FILE", "empty", { place: { path: "edge.yaml", line: null } }));
  await stage.reload(new Error("out of memory"));
  expect(stage.applied).toEqual([]);
  expect(stage.reloader.inForce).toBe("a");
  expect(stage.log).toEqual([
    [
      "error",
      NOT_RELOADED,
      { file: "edge.yaml", line: 7, error: "announce: wrong", value: "1#x", hint: "do it", moreErrors: 2 },
    ],
    ["error", NOT_RELOADED, { file: "edge.yaml", error: "empty" }],
    ["error", NOT_RELOADED, { error: "out of memory" }],
  ]);
  await stage.reload("ab");
  expect(stage.applied).toEqual(["b"]);
});

test("asked while it is at it, it reads once more, and one at a time", async () => {
  const stage = new Stage();
  const first = stage.reloader.reload();
  const second = stage.reloader.reload();
  const third = stage.reloader.reload();
  expect(stage.reads).toHaveLength(1);
  stage.reads[0]?.resolve("ab");
  while (stage.reads.length < 2) await Promise.resolve();
  stage.reads[1]?.resolve("abc");
  await Promise.all([first, second, third]);
  expect(stage.reads).toHaveLength(2);
  expect(stage.applied).toEqual(["b", "c"]);
});

test("a daemon that stops changes no more", async () => {
  const stage = new Stage();
  const done = stage.reloader.reload();
  stage.reloader.stop();
  stage.reads[0]?.resolve("ab");
  await done;
  await stage.reloader.reload();
  expect(stage.reads).toHaveLength(1);
  expect(stage.applied).toEqual([]);
  expect(stage.log).toEqual([]);
});
