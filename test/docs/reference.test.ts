/** The tables of reference name exactly what the program has. */

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { LogEvent } from "../../src/base/log-event.ts";
import * as LOG from "../../src/base/log-events.ts";
import { commands } from "../../src/cli/commands.ts";
import { parseClientOptions } from "../../src/cli/daemon/client-command.ts";
import { parseServerOptions } from "../../src/cli/daemon/server-command.ts";
import { parseMarkdown } from "../../src/cli/help/markdown.ts";
import { topicPages } from "../../src/cli/help/topics.ts";
import { HttpCounters } from "../../src/http/connections/http-counters.ts";
import { ClientCounters } from "../../src/http/control/client-operations.ts";
import { flatCounters } from "../../src/http/control/server-operations.ts";
import { LIMITS } from "../../src/server/exchange/limits.ts";
import { RunningCounters } from "../../src/server/stats.ts";
import { ProtocolError, SKIP_CODES } from "../../src/wire/protocol-error.ts";
import { codesOf, REPOSITORY, rowsOf } from "../support/process/documents.ts";

const source = (path: string) => Bun.file(join(REPOSITORY, path)).text();

/** The names in backquotes in a table's first column. */
const namesIn = (heading: string, firstHead: string) =>
  rowsOf(heading, firstHead).flatMap(([cell]) => codesOf(cell));

test("every reason for a connection's end is explained", async () => {
  const text = await source("src/session/close-reason.ts");
  const [, union = ""] = /export type CloseReason =([\s\S]*?);\n\n/.exec(text) ?? [];
  const reasons = [...union.matchAll(/"([a-z-]+)"/g)].map(([, reason = ""]) => reason);
  expect(reasons.length).toBeGreaterThan(10);
  expect(namesIn("Why a connection ended", "reason").sort()).toEqual(reasons.sort());
});

test("every event of the log is explained, at its level, and no other", () => {
  const page = topicPages(commands).find(({ name }) => name === "log");
  const tables = parseMarkdown(page?.markdown ?? "").flatMap((block) =>
    block.type === "table" ? [block.rows] : [],
  );
  const events: readonly LogEvent[] = Object.values(LOG);
  const expected = [["error", "warn"], ["info"]].map((levels) =>
    events.filter(({ level }) => levels.includes(level)).map(({ level, message }) => `${level} ${message}`),
  );
  const shown = tables.map((rows) =>
    rows.map(([level = "", message = ""]) => codesOf(level + message).join(" ")),
  );
  expect(shown.map((lines) => lines.toSorted())).toEqual(expected.map((lines) => lines.toSorted()));
  expect(expected.flat().length).toBeGreaterThan(70);
});

test("every counter is explained", () => {
  const server = new RunningCounters();
  server.refused("descriptor-limit");
  server.closed({ reason: "protocol-error", code: "UNKNOWN_TYPE" });
  server.skippedUpdate("BAD_NAT_PORTS");
  server.skippedSubscribe("TOO_MANY_SUBSCRIPTIONS");
  const client = new ClientCounters();
  client.serverState(null, null, { reason: "stopped" });
  const counted = [...Object.keys(flatCounters(server)), ...Object.keys(client.flat())];
  const http = new HttpCounters();
  http.refused("no-room");
  counted.push(...Object.keys(http.flat()));
  const ofKernel = ["kernelReadings", "kernelDone.", "kernelFailed.", "kernelDrift."];
  const plain = counted.map((name) => name.replace(/\..*/, "."));
  expect(namesIn("What is counted", "counter").sort()).toEqual([...new Set([...plain, ...ofKernel])].sort());
});

describe("codes of protocol errors", () => {
  const heading = "Codes of protocol errors and skipped messages";
  const [closing = [], skipping = []] = ["what the peer did", "what is wrong with the message"].map(
    (secondHead) => rowsOf(heading, "code", secondHead).flatMap(([cell]) => codesOf(cell)),
  );

  test("that close the connection are all explained", async () => {
    const [, text = ""] =
      /CLOSING_TEXT = \{([\s\S]*?)\n\}/.exec(await source("src/wire/protocol-error.ts")) ?? [];
    const codes = [...text.matchAll(/^ {2}([A-Z_]+):/gm)].map(([, code = ""]) => code);
    expect(closing.toSorted()).toEqual(codes.sort());
    for (const code of codes) expect(new ProtocolError(code as "UNKNOWN_TYPE").closesConnection).toBe(true);
  });

  test("that skip a message are all explained", () => {
    const limits = Object.values(LIMITS).map(({ code }) => code);
    expect(skipping.toSorted()).toEqual([...SKIP_CODES, ...limits, "TABLE_FULL"].sort());
  });
});

test("the flags that the Go program and rustbond have are accepted", () => {
  const written = rowsOf("Coming from metalbond (Go) or rustbond", "you write").map(([cell = ""]) => cell);
  const flags = written.flatMap((cell) =>
    [...cell.matchAll(/`(--?[a-z0-9-]+)/g)].map(([, flag = ""]) => flag),
  );
  expect(flags.length).toBeGreaterThan(12);
  const values: Readonly<Record<string, readonly string[]>> = {
    "--listen": ["[::]:4711"],
    "--listener": ["[::]:4711"],
    "-l": ["[::]:4711"],
    "--http": ["[::]:4712"],
    "--keepalive": ["5"],
    "--verbose": [],
    "--server": ["[::1]:4711"],
    "-s": ["[::1]:4711"],
    "--subscribe": ["100,200"],
    "--vni": ["100"],
    "-v": ["100"],
    "--announce": ["100#10.0.1.0/24#2001:db8::1#NAT#1024#2047"],
    "--install-routes": ["100#100"],
    "--tun": ["overlay"],
    "--ipv4-only": [],
    "--cleanup": [],
    "-a": ["100#10.0.1.0/24@2001:db8::1#nat#1024#2048"],
  };
  for (const flag of flags) {
    const words = [flag, ...(values[flag] ?? ["no value known"])];
    if (/^(-l|--listen.*)$/.test(flag)) parseServerOptions(words);
    else parseClientOptions(/^(-s|--server)$/.test(flag) ? words : ["--server", "::1", ...words]);
  }
  for (const [, announcement = ""] of written.join().matchAll(/`(\d+#[^`]*)`/g)) {
    expect(parseClientOptions(["-s", "::1", "-a", announcement]).announcements).toHaveLength(1);
  }
});
