import { describe, expect, test } from "bun:test";
import { ChangePrinter } from "../../../src/cli/daemon/change-printer.ts";
import { LineWriter } from "../../../src/cli/program/output.ts";
import { parseAnnouncementText } from "../../../src/route/announcement-text.ts";
import { withoutTime } from "../../support/process/printed-change.ts";
import { MemorySink } from "../in-process.ts";

const A = parseAnnouncementText("100#10.0.1.0/24@2001:db8::1").route;
const B = parseAnnouncementText("100#10.0.2.0/24@2001:db8::1").route;
const C = parseAnnouncementText("100#10.0.3.0/24@2001:db8::1").route;

/** A printer whose writer takes one line at a time. */
function printer(format: "text" | "json") {
  const sink = new MemorySink();
  const out = new LineWriter(sink, { limitChars: 1 });
  return {
    sink,
    printer: new ChangePrinter(out, format),
    printed: () => sink.text.trimEnd().split("\n"),
  };
}

/** Long enough for a writer in memory to have taken everything. */
async function untilWritten(sink: MemorySink, lines: number): Promise<void> {
  while (sink.writes < lines) await new Promise((resolve) => setImmediate(resolve));
}

describe("while nobody reads", () => {
  test("what came and went is not mentioned, and the rest is, in order", async () => {
    const { sink, printer: changes, printed } = printer("text");
    sink.stall();
    changes.changed(A, true);
    changes.changed(B, true);
    changes.changed(C, true);
    changes.changed(B, false);
    changes.changed(A, false);
    sink.resume();
    await untilWritten(sink, 3);
    expect(printed().map(withoutTime)).toEqual([
      "+ 100 10.0.1.0/24 via 2001:db8::1",
      "+ 100 10.0.3.0/24 via 2001:db8::1",
      "- 100 10.0.1.0/24 via 2001:db8::1",
    ]);
  });

  test("a server's last state is kept", async () => {
    const { sink, printer: changes, printed } = printer("json");
    sink.stall();
    changes.server("[::1]:1", "established", null);
    changes.server("[::1]:2", "established", null);
    changes.server("[::1]:1", "retry", "closed-by-peer");
    changes.changed(A, true);
    changes.server("[::1]:1", "connecting", null);
    changes.server("[::1]:2", "retry", "keepalive-timeout");
    sink.resume();
    await untilWritten(sink, 4);
    const time = expect.any(String);
    expect(printed().map((line): unknown => JSON.parse(line))).toEqual([
      { event: "server", time, server: "[::1]:1", state: "established" },
      expect.objectContaining({ event: "add", destination: "10.0.1.0/24" }),
      { event: "server", time, server: "[::1]:1", state: "connecting" },
      { event: "server", time, server: "[::1]:2", state: "retry", reason: "keepalive-timeout" },
    ]);
  });
});

test("in text, a server's state is left to the log", async () => {
  const { sink, printer: changes, printed } = printer("text");
  changes.server("[::1]:1", "established", null);
  changes.changed(A, true);
  await untilWritten(sink, 1);
  expect(printed().map(withoutTime)).toEqual(["+ 100 10.0.1.0/24 via 2001:db8::1"]);
});
