/** The tables of reference name exactly what the program has. */

import { describe, expect, test } from "bun:test";
import type { LogEvent } from "../../src/base/log-event.ts";
import * as LOG from "../../src/base/log-events.ts";
import { METRIC_NAMES, METRICS } from "../../src/base/metrics.ts";
import { commands } from "../../src/cli/commands.ts";
import { parseClientOptions } from "../../src/cli/daemon/client-command.ts";
import { parseServerOptions } from "../../src/cli/daemon/server-command.ts";
import { type Block, parseMarkdown } from "../../src/cli/help/markdown.ts";
import { topicPages } from "../../src/cli/help/topics.ts";
import * as EXIT_CODES from "../../src/cli/program/exit-codes.ts";
import { HTTP_REFUSALS } from "../../src/http/connections/http-counters.ts";
import { REFUSAL_REASONS } from "../../src/server/counters.ts";
import { LIMITS } from "../../src/server/exchange/limits.ts";
import { CLOSE_REASONS } from "../../src/session/close-reason.ts";
import { CLOSING_CODES, ProtocolError, SKIP_CODES } from "../../src/wire/protocol-error.ts";
import { codesOf, rowsOf } from "../support/process/documents.ts";

function blocksOf(topic: string): readonly Block[] {
  const page = topicPages(commands).find(({ name }) => name === topic);
  return parseMarkdown(page?.markdown ?? "");
}

/** The tables of a help topic, generated ones included: each row's cells. */
function tablesOf(topic: string): readonly (readonly (readonly string[])[])[] {
  return blocksOf(topic).flatMap((block) => (block.type === "table" ? [block.rows] : []));
}

/** The names in backquotes in a table's first column. */
function namesIn(rows: readonly (readonly string[])[] = []): string[] {
  return rows.flatMap(([cell]) => codesOf(cell));
}

test("every reason for a connection's end is explained", () => {
  const [rows] = tablesOf("close-reasons");
  expect(namesIn(rows)).toEqual(Object.keys(CLOSE_REASONS));
  expect(rows?.length).toBeGreaterThan(10);
  for (const [, meaning] of rows ?? []) expect(meaning).toMatch(/^[A-Z].*\.$/);
});

test("every event of the log is explained, at its level, and no other", () => {
  const tables = tablesOf("log-events");
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

test("every metric is explained, and what its labels may be where it is not obvious", () => {
  const [refusals, httpRefusals] = tablesOf("metrics");
  const items = blocksOf("metrics").flatMap((block) => (block.type === "list" ? block.items : []));
  const names = METRIC_NAMES.map((name) => {
    const labels: readonly string[] = METRICS[name].labels;
    return labels.length === 0 ? name : `${name}{${labels.join()}}`;
  });
  expect(items.map((item) => codesOf(item)[0])).toEqual(names);
  expect(names.length).toBeGreaterThan(40);
  for (const item of items)
    expect(item).toMatch(/\((server, |client, )?(counter|gauge|histogram).*\): .*\w[`)"]*\.$/);
  expect([namesIn(refusals), namesIn(httpRefusals)]).toEqual([
    Object.keys(REFUSAL_REASONS),
    Object.keys(HTTP_REFUSALS),
  ]);
});

describe("codes of protocol errors", () => {
  const [closing, skipping] = tablesOf("protocol-errors");

  test("that close the connection are all explained", () => {
    const codes: readonly string[] = CLOSING_CODES;
    expect(namesIn(closing)).toEqual([...codes]);
    expect(codes).toContain("UNKNOWN_TYPE");
    for (const code of CLOSING_CODES) expect(new ProtocolError(code).closesConnection).toBe(true);
  });

  test("that skip a message are all explained", () => {
    const limits = Object.values(LIMITS).map(({ code }) => code);
    expect(namesIn(skipping).sort()).toEqual([...SKIP_CODES, ...limits, "TABLE_FULL"].sort());
    for (const code of SKIP_CODES) expect(new ProtocolError(code).closesConnection).toBe(false);
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

test("every exit code is explained, and no other", () => {
  const codes = Object.values(EXIT_CODES).filter((value) => typeof value === "number");
  const [rows] = tablesOf("exit-codes");
  expect(namesIn(rows)).toEqual(codes.toSorted().map(String));
  expect(codes.toSorted()).toEqual([0, 1, 2, 3, 4]);
});
