import { describe, expect, test } from "bun:test";
import type { LogFields, Logger } from "../../../src/base/logger.ts";
import { createLogger } from "../../../src/cli/program/console-logger.ts";
import { styleFor } from "../../../src/cli/program/style.ts";

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /;

function record(use: (logger: Logger) => void, { isVerbose = false, isTty = false } = {}): string[] {
  const lines: string[] = [];
  const style = styleFor(isTty, {});
  use(createLogger({ level: isVerbose ? "debug" : "info", style, write: (line) => lines.push(line) > 0 }));
  return lines;
}

/** Without the time, which each line has. */
function recordTexts(use: (logger: Logger) => void, isVerbose = false): string[] {
  return record(use, { isVerbose }).map((line) => {
    expect(line).toMatch(TIME);
    return line.replace(TIME, "");
  });
}

function useAllLevels(logger: Logger): void {
  logger.debug("d");
  logger.info("i");
  logger.warn("w");
  logger.error("e");
}

describe("forms of a line", () => {
  const lineOf = (format: "text" | "json" | "journal", use: (logger: Logger) => void) => {
    const lines: string[] = [];
    const write = (line: string) => lines.push(line) > 0;
    use(createLogger({ level: "debug", format, style: styleFor(false, {}), write }));
    return lines;
  };

  test("json is one object with the fields of the line", () => {
    const [line = ""] = lineOf("json", (logger) => logger.warn("a b", { peer: "x\ny", n: 7, is: true }));
    expect(JSON.parse(line)).toEqual({
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      level: "warn",
      message: "a b",
      peer: "x\ny",
      n: 7,
      is: true,
    });
    expect(line.split("\n")).toHaveLength(2);
  });

  test("journal has the priorities of syslog in the place of the time", () => {
    expect(lineOf("journal", useAllLevels)).toEqual([
      "<7>debug d\n",
      "<6>info  i\n",
      "<4>warn  w\n",
      "<3>error e\n",
    ]);
  });
});

describe("createLogger", () => {
  test("writes the time now, in UTC", () => {
    const earliest = Date.now();
    const [line = ""] = record((logger) => logger.info("x"));
    const written = Date.parse(line.slice(0, "2026-01-02T03:04:05.678Z".length));
    expect(written).toBeGreaterThanOrEqual(earliest);
    expect(written).toBeLessThanOrEqual(Date.now());
  });

  test("changes its level while it runs", () => {
    const lines: string[] = [];
    const write = (line: string) => lines.push(line) > 0;
    const logger = createLogger({ level: "info", style: styleFor(false, {}), write });
    for (const isVerbose of [true, false]) {
      logger.level = isVerbose ? "debug" : "info";
      useAllLevels(logger);
    }
    expect(lines.map((line) => line.replace(TIME, "").trimEnd().at(-1))).toEqual([..."diwe", ..."iwe"]);
  });

  test("leaves debug messages out unless verbose", () => {
    const usual = ["info  i\n", "warn  w\n", "error e\n"];
    expect(recordTexts(useAllLevels)).toEqual(usual);
    expect(recordTexts(useAllLevels, true)).toEqual(["debug d\n", ...usual]);
  });

  const FIELDS: [LogFields, string][] = [
    [{}, ""],
    [
      { peer: "[::1]:4711", retryAfterMs: 5210.5, isServer: false },
      " peer=[::1]:4711 retryAfterMs=5210.5 isServer=false",
    ],
    [{ detail: "two words" }, ` detail="two words"`],
    [{ detail: "" }, ` detail=""`],
    [{ detail: `a="b"` }, ` detail="a=\\"b\\""`],
    [{ detail: "a\nb\x1b[2J" }, ` detail="a\\nb\\u001b[2J"`],
    [{ detail: "\x9b\u202eümlaut" }, ` detail="\ufffd\ufffdümlaut"`],
  ];

  test.each(FIELDS)("writes %j as key=value on one line", (fields, expected) => {
    expect(recordTexts((logger) => logger.warn("message", fields))).toEqual([`warn  message${expected}\n`]);
  });

  test("cannot be made to break a line by a message", () => {
    expect(recordTexts((logger) => logger.info("a\nb"))).toEqual(["info  a\ufffdb\n"]);
  });

  test("holds back no repeated message", () => {
    const lines = recordTexts((logger) => {
      for (let i = 0; i < 100; i++) logger.info("same");
    });
    expect(lines).toEqual(Array.from({ length: 100 }, () => "info  same\n"));
  });

  test("tells how many lines a stalled reader has missed, once", () => {
    let text = "";
    let isStalled = false;
    const logger = createLogger({
      level: "info",
      style: styleFor(false, {}),
      write: (line) => {
        if (!isStalled) text += line;
        return !isStalled;
      },
    });
    logger.info("a");
    isStalled = true;
    for (let i = 0; i < 3; i++) logger.info("b");
    isStalled = false;
    logger.info("c");
    logger.info("d");
    const lines = text.trimEnd().split("\n");
    expect(lines.map((line) => line.replace(TIME, ""))).toEqual([
      "info  a",
      "warn  log lines are lost: the log's reader is too slow lostLines=3",
      "info  c",
      "info  d",
    ]);
  });

  test("is coloured on a terminal only, with the same text", () => {
    const use = (logger: Logger) => logger.error("message", { peer: "a b" });
    const [coloured = ""] = record(use, { isTty: true });
    const [plain = ""] = record(use);
    expect(plain).not.toContain("\x1b");
    expect(coloured).toContain("\x1b[");
    expect(Bun.stripANSI(coloured).replace(TIME, "")).toBe(plain.replace(TIME, ""));
  });
});
