/** Output that BunBond shares with other programs, as in a shell's pipeline: theirs must not suffer. */
import { describe, expect, test } from "bun:test";
import { TcpPeer } from "../support/network/tcp-peer.ts";
import { FROM_SOURCE, startBunbondServer } from "../support/process/bunbond-process.ts";
import { ChildProcess } from "../support/process/child-process.ts";

/** Octal, in the line "flags:" of /proc/PID/fdinfo/FD. */
const O_NONBLOCK = 0o4000;

/** The flags that the open file descriptions of our stdout and stderr have for another program that shares them. */
const SHOW_FLAGS = `flags() { for fd in 1 2; do sed -n "s/^flags:[[:space:]]*//p" /proc/self/fdinfo/$fd; done >&3; }`;

function nonBlocking(flags: string): boolean[] {
  return flags
    .trim()
    .split("\n")
    .map((line) => (Number.parseInt(line, 8) & O_NONBLOCK) !== 0);
}

test("a shared pipe stays blocking, while a client runs and after its end", async () => {
  await using server = await startBunbondServer();
  using announcer = await TcpPeer.establish(server.address);
  const script = `${SHOW_FLAGS}
    exec 3>&1
    { "$@" & client=$!; read line <&4; flags; kill $client; wait $client; flags; } 4<&0 2>&1 | cat >&2`;
  const client = [...FROM_SOURCE, "client", "-s", server.address, "-v", "100", "--socket", "none"];
  await using shell = new ChildProcess({ command: ["bash", "--norc", "-c", script, "bash", ...client] });
  announcer.send("ADD 100 10.0.1.0/24 via 2001:db8::1");
  await shell.logged(/ \+ 100 10\.0\.1\.0\/24/);
  shell.send("go");
  expect(await shell.ended).toBe(0);
  expect(nonBlocking(shell.stdoutLines.join("\n"))).toEqual([false, false, false, false]);
});

test("what other programs write to a slow reader after us is all there", async () => {
  const script = `{ "$@" --help; seq 1 200000; } | { sleep 0.3; tail -n 200000 | cksum; }`;
  await using shell = new ChildProcess({
    command: ["bash", "--norc", "-c", script, "bash", ...FROM_SOURCE],
  });
  await using expected = new ChildProcess({ command: ["bash", "--norc", "-c", "seq 1 200000 | cksum"] });
  expect(await shell.ended).toBe(0);
  await expected.ended;
  expect(shell.stdoutLines).toEqual(expected.stdoutLines);
  expect(shell.stderrLines).toEqual([]);
});

test("a terminal stays blocking", async () => {
  let output = "";
  const terminal = {
    data: (_: unknown, bytes: Uint8Array) => {
      output += new TextDecoder().decode(bytes);
    },
  };
  const script = `"$@" --version; exec 3>&1; ${SHOW_FLAGS}; flags`;
  const child = Bun.spawn(["bash", "--norc", "-c", script, "bash", ...FROM_SOURCE], { terminal });
  await child.exited;
  const [version, ...flags] = output.replaceAll("\r", "").trim().split("\n");
  expect(version).toStartWith("bunbond ");
  expect(nonBlocking(flags.join("\n"))).toEqual([false, false]);
});

test("a socket stays blocking, and all output comes", async () => {
  // The kind of pipe that Bun gives its children.
  const script = `[ -S /proc/self/fd/1 ] && echo socket; "$@" --help; exec 3>&1; ${SHOW_FLAGS}; flags`;
  await using shell = new ChildProcess({
    command: ["bash", "--norc", "-c", script, "bash", ...FROM_SOURCE],
  });
  expect(await shell.ended).toBe(0);
  const [kind, ...lines] = shell.stdoutLines;
  expect(kind).toBe("socket");
  expect(lines.join("\n")).toContain("Usage: bunbond COMMAND");
  expect(nonBlocking(lines.slice(-2).join("\n"))).toEqual([false, false]);
});

describe("stdout that is", () => {
  const STREAMS: [string, string][] = [
    ["a pipe without a reader", `set -o pipefail; { sleep 0.3; "$@"; } | exec true`],
    ["closed", `"$@" >&-`],
    ["a file that is appended to", `f=$(mktemp); echo a >$f; "$@" >>$f; cat $f; rm $f`],
  ];
  test.each(STREAMS)("%s", async (_name, script) => {
    await using shell = new ChildProcess({
      command: ["bash", "--norc", "-c", script, "bash", ...FROM_SOURCE, "--version"],
    });
    expect([await shell.ended, shell.stderrLines]).toEqual([0, []]);
  });
});
