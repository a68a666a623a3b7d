import { expect, test } from "bun:test";
import { PlanPrinter } from "../../../src/cli/daemon/plan-printer.ts";
import { LineWriter } from "../../../src/cli/program/output.ts";
import { MemorySink } from "../in-process.ts";

/** A printer whose writer takes one piece at a time. */
function printer(format: "text" | "json") {
  const sink = new MemorySink();
  const out = new LineWriter(sink, { limitChars: 1 });
  return { sink, out, plan: new PlanPrinter(out, format) };
}

async function untilWritten(sink: MemorySink, last: string): Promise<void> {
  while (!sink.text.includes(last)) await new Promise((resolve) => setImmediate(resolve));
}

test("a line for each, none lost and none out of order while the reader stands still", async () => {
  const { sink, out, plan } = printer("text");
  sink.stall();
  const commands = Array.from({ length: 50 }, (_, i) => `ip nexthop del id ${i}`);
  for (const command of commands.slice(0, 20)) plan.print(command);
  // Somebody else's line may be in the way.
  void out.drained().then(() => out.write("between\n"));
  sink.resume();
  for (const command of commands.slice(20)) plan.print(command);
  await untilWritten(sink, "id 49\n");
  expect(sink.text.split("\n").filter((line) => line !== "between")).toEqual([...commands, ""]);
});

test("as JSON", async () => {
  const { sink, plan } = printer("json");
  plan.print("ip nexthop del id 1");
  await untilWritten(sink, "\n");
  expect(JSON.parse(sink.text)).toEqual({
    event: "kernel",
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    command: "ip nexthop del id 1",
  });
});
