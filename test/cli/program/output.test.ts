import { describe, expect, test } from "bun:test";
import { LineWriter } from "../../../src/cli/program/output.ts";
import { MemorySink } from "../in-process.ts";

const epipe = Object.assign(new Error("broken pipe"), { code: "EPIPE" });
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe("LineWriter", () => {
  test("gathers what one event-loop turn writes", async () => {
    const sink = new MemorySink();
    const writer = new LineWriter(sink);
    for (const line of ["a\n", "b\n", "c\n"]) expect(writer.write(line)).toBe(true);
    expect(sink.writes).toBe(0);
    await nextTurn();
    await writer.drained();
    expect(sink).toMatchObject({ text: "a\nb\nc\n", writes: 1 });
  });

  test("leaves nothing behind that comes at the very end of a write", async () => {
    // Each depth of microtasks once, to hit the moment between the end of a write and its tidying up.
    for (let depth = 0; depth < 20; depth++) {
      const sink = new MemorySink();
      const writer = new LineWriter(sink);
      sink.onWrite = async () => {
        sink.onWrite = () => {};
        for (let i = 0; i < depth; i++) await null;
        writer.write("second\n");
      };
      writer.write("first\n");
      for (let turn = 0; turn < 5; turn++) await nextTurn();
      expect(sink.text).toBe("first\nsecond\n");
    }
  });

  test("takes no more than its limit while the stream is stalled, and goes on in order", async () => {
    const sink = new MemorySink();
    sink.stall();
    const writer = new LineWriter(sink, { limitChars: 10 });
    expect(writer.write("12345\n")).toBe(true);
    await nextTurn();
    expect(writer.write("abc\n")).toBe(true);
    expect(writer.write("x")).toBe(false);
    let isDrained = false;
    const drained = writer.drained().then(() => {
      isDrained = true;
    });
    await nextTurn();
    expect(isDrained).toBe(false);
    sink.resume();
    await drained;
    expect(writer.write("x")).toBe(true);
    await writer.end();
    expect(sink.text).toBe("12345\nabc\nx");
  });

  test("takes a piece beyond its limit when nothing else waits", async () => {
    const sink = new MemorySink();
    const writer = new LineWriter(sink, { limitChars: 10 });
    expect(writer.write("x".repeat(100))).toBe(true);
    await writer.end();
    expect(sink.text).toHaveLength(100);
  });

  test("stops quietly when its reader has gone", async () => {
    const sink = new MemorySink();
    const writer = new LineWriter(sink, { limitChars: 10 });
    let goneCount = 0;
    writer.onGone(() => goneCount++);
    sink.fail = epipe;
    writer.write("a\n");
    await writer.drained();
    expect(goneCount).toBe(1);
    expect(writer.failure).toBeNull();
    sink.fail = null;
    for (let i = 0; i < 20; i++) expect(writer.write("nobody reads this\n")).toBe(true);
    await writer.drained();
    await writer.end();
    expect(sink).toMatchObject({ text: "", hasEnded: false });
    writer.onGone(() => goneCount++);
    expect(goneCount).toBe(2);
  });

  test("tells of any other failure", async () => {
    const sink = new MemorySink();
    const writer = new LineWriter(sink);
    sink.fail = new Error("no space left");
    writer.write("a\n");
    await writer.end();
    expect(writer.failure).toBe(sink.fail);
  });

  test("goes on after a failure where it may lose text, and says what is missing", async () => {
    const sink = new MemorySink();
    const writer = new LineWriter(sink, { mayLose: true });
    let goneCount = 0;
    writer.onGone(() => goneCount++);
    sink.fail = Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" });
    for (const line of ["a\n", "b\n"]) {
      writer.write(line);
      await writer.drained();
    }
    sink.fail = null;
    for (const line of ["c\n", "d\n"]) writer.write(line);
    await writer.drained();
    expect(sink.text).toBe("... lines are missing here: ENOSPC: no space left\nc\nd\n");
    expect(goneCount).toBe(0);
    sink.fail = epipe;
    writer.write("e\n");
    await writer.end();
    expect(goneCount).toBe(1);
    expect(sink.hasEnded).toBe(false);
  });

  test("says so in its place, before what came while the write was failing", async () => {
    const written: string[] = [];
    const first = Promise.withResolvers<number>();
    const write = (text: string) => (written.push(text) === 1 ? first.promise : 0);
    const writer = new LineWriter({ write, flush: () => 0, end: () => 0 }, { mayLose: true });
    writer.write("lost\n");
    await nextTurn();
    writer.write("next\n");
    first.reject(new Error("no space left"));
    await writer.drained();
    expect(written).toEqual(["lost\n", "... lines are missing here: no space left\nnext\n"]);
  });

  test("writes what waits before it ends the stream, and nothing later", async () => {
    const sink = new MemorySink();
    const writer = new LineWriter(sink);
    writer.write("a\n");
    await writer.end();
    expect(sink).toMatchObject({ text: "a\n", hasEnded: true });
    expect(writer.write("late\n")).toBe(true);
    await nextTurn();
    await writer.end();
    expect(sink.text).toBe("a\n");
  });
});

describe("LineWriter on a real pipe", () => {
  const SETUP = `
    import { LineWriter } from ${JSON.stringify(new URL("../../../src/cli/program/output.ts", import.meta.url).pathname)};
    const writer = new LineWriter(Bun.stdout.writer(), { limitChars: 65536 });
    const line = (i) => \`\${String(i).padStart(9, "0")} \${"x".repeat(90)}\\n\`;
  `;

  /** Runs a script, its output in a pipe to a shell command whose descriptor 3 is this test's to write. */
  function pipeTo(script: string, reader: string) {
    return Bun.spawn(
      ["bash", "--norc", "-c", `exec 3<&0; "$0" -e "$1" </dev/null | ${reader}`, process.execPath, script],
      {
        stdin: "pipe",
        stdout: "pipe",
        stderr: "pipe",
      },
    );
  }

  test("loses nothing to a slow reader, and keeps the event loop turning meanwhile", async () => {
    const script = `${SETUP}
      let stalledTurns = 0;
      const onTurn = () => { if (++stalledTurns === 3) console.error("stalled"); else setTimeout(onTurn, 1); };
      for (let i = 0; i < 50000; i++) {
        if (writer.write(line(i))) continue;
        if (stalledTurns === 0) onTurn();
        await writer.drained();
        i--;
      }
      await writer.end();`;
    const child = pipeTo(script, "{ read gate <&3; cksum; }");
    const stderr = child.stderr.getReader();
    expect(new TextDecoder().decode((await stderr.read()).value)).toBe("stalled\n");
    child.stdin.write("go\n");
    child.stdin.end();
    const expected = Bun.spawn([
      "bash",
      "--norc",
      "-c",
      `for ((i = 0; i < 50000; i++)); do printf '%09d %s\\n' $i ${"x".repeat(90)}; done | cksum`,
    ]);
    expect(await child.stdout.text()).toBe(await expected.stdout.text());
    expect(await child.exited).toBe(0);
  }, 30_000);

  test("ends a program that would write for ever once `head` has seen enough", async () => {
    const script = `${SETUP}
      let isGone = false;
      writer.onGone(() => { isGone = true; });
      for (let i = 0; !isGone; i++) if (!writer.write(line(i))) await writer.drained();
      await writer.end();
      console.error("gone", writer.failure);`;
    const child = pipeTo(script, "head -n 1");
    expect(await child.stdout.text()).toStartWith("000000000 x");
    expect(await child.stderr.text()).toBe("gone null\n");
    expect(await child.exited).toBe(0);
  }, 30_000);
});
