/** The catalogue of the log is what the program logs: that a call names an event of it, the compiler checks. */
import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import type { LogEvent } from "../../src/base/log-event.ts";
import * as LOG from "../../src/base/log-events.ts";

const EVENTS: readonly (readonly [name: string, event: LogEvent])[] = Object.entries(LOG);

/** All that logs, but not the help, which lists the whole catalogue. */
const ENTRY_POINTS = ["index.ts", "cli/daemon/run-server.ts", "cli/daemon/run-client.ts"].map((path) =>
  fileURLToPath(new URL(`../../src/${path}`, import.meta.url)),
);

test("no event is unused: a bundle, which leaves out constants that nothing uses, has them all", async () => {
  const { outputs } = await Bun.build({ entrypoints: ENTRY_POINTS, target: "bun" });
  const bundle = (await Promise.all(outputs.map((output) => output.text()))).join("\n");
  const unused = EVENTS.filter(([, { whatToDo }]) => !bundle.includes(JSON.stringify(whatToDo)));
  expect(unused.map(([name]) => name)).toEqual([]);
});

test("a level and a message name one event", () => {
  const names = EVENTS.map(([, { level, message }]) => `${level} ${message}`);
  expect(names.length).toBe(new Set(names).size);
});

test("each event is explained in sentences, and its fields have names of one form", () => {
  for (const [name, { fields, whatToDo }] of EVENTS) {
    expect(whatToDo, name).toMatch(/^[A-Z0-9`].*\.$/);
    for (const field of fields) expect(field, name).toMatch(/^[a-z][A-Za-z]*\??$/);
  }
});
