/** Outputs that the documents show are what comes out: of a client, of HTTP, and of the README's first five minutes. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { ChangePrinter } from "../../src/cli/daemon/change-printer.ts";
import { LineWriter } from "../../src/cli/program/output.ts";
import { MemorySink } from "../cli/in-process.ts";
import { routeOfText } from "../support/models/frame-text.ts";
import { freeAddress } from "../support/network/free-address.ts";
import { type BunbondServer, FROM_SOURCE, startBunbondServer } from "../support/process/bunbond-process.ts";
import { ChildProcess } from "../support/process/child-process.ts";
import {
  block,
  CODE_BLOCKS,
  codesOf,
  commandLines,
  REPOSITORY,
  rowsOf,
  wordsOf,
} from "../support/process/documents.ts";
import { httpBase } from "../support/process/http-routes.ts";
import { withoutTime } from "../support/process/printed-change.ts";
import { temporaryDirectory } from "../support/process/temporary-directory.ts";

describe("a client's output", () => {
  const heading = "What a client prints";

  async function printed(format: "text" | "json", print: (printer: ChangePrinter) => void): Promise<string> {
    const sink = new MemorySink();
    const out = new LineWriter(sink);
    print(new ChangePrinter(out, format));
    await out.end();
    return sink.text;
  }

  test("as text", async () => {
    const lines = block("text", heading).trimEnd().split("\n").map(withoutTime);
    const text = await printed("text", (printer) => {
      for (const line of lines) printer.changed(routeOfText(line.slice(2)), line.startsWith("+"));
    });
    expect(text.trimEnd().split("\n").map(withoutTime)).toEqual(lines);
  });

  test("as JSON", async () => {
    const lines = block("json", heading).trimEnd().split("\n");
    for (const line of lines) {
      // Trusted to be what it says: it is compared with what is really printed.
      const event = JSON.parse(line) as JsonEvent;
      const output = await printed("json", (printer) => {
        if (event.event === "server") printer.server(event.server, event.state, event.reason ?? null);
        else printer.changed(routeOfText(routeText(event)), event.event === "add");
      });
      expect(output.replace(/"time":"[^"]*"/, `"time":"${event.time}"`)).toBe(`${line}\n`);
    }
    expect(lines).toHaveLength(4);
  });
});

type JsonEvent = { readonly time: string } & (
  | { readonly event: "server"; readonly server: string; readonly state: string; readonly reason?: string }
  | {
      readonly event: "add" | "remove";
      readonly vni: number;
      readonly destination: string;
      readonly nextHop: {
        readonly address: string;
        readonly type: string;
        readonly natPortFrom: number;
        readonly natPortTo: number;
      };
    }
);

/** In the words of frame-text.ts. */
function routeText({ vni, destination, nextHop }: Extract<JsonEvent, { vni: number }>): string {
  const { address, type, natPortFrom, natPortTo } = nextHop;
  const nat = type === "NAT" ? ` type nat ports ${natPortFrom}-${natPortTo}` : "";
  return `${vni} ${destination} via ${address}${nat}`;
}

describe("HTTP", () => {
  let server: BunbondServer;
  let base: string;
  beforeAll(async () => {
    server = await startBunbondServer({ flags: ["--http", "[::1]:0"] });
    base = await httpBase(server);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test("has the paths of the table, and no other", async () => {
    // A client's own paths are in test/http/queries.
    const isOfClient = ([, text = ""]: readonly string[]) => text.startsWith("a client's");
    const rows = rowsOf("The HTTP interface", "path").filter((row) => !isOfClient(row));
    const shown = rows.map(([path]) => codesOf(path)[0] ?? "");
    const index = (await (await fetch(base)).json()) as { readonly endpoints: readonly string[] };
    // The daemon here is a server.
    const ofServer = shown.filter((path) => path !== "/v1/fib" && path !== "/v1/disagreements");
    expect(ofServer.toSorted()).toEqual(["/", ...index.endpoints].sort());
    const example = (path: string) => path.replace(":address", "10.0.1.7").replace(":vni", "100");
    for (const path of ofServer.filter((one) => one !== "/v1/peers/:id")) {
      const answer = await fetch(base + example(path));
      expect(answer.status).toBe(200);
      // The events never end by themselves.
      await answer.body?.cancel();
    }
    const [, health] = rows.find(([path]) => path === "`/healthz`") ?? [];
    expect(health).toContain(`\`${await (await fetch(`${base}/healthz`)).text()}\``);
  });

  const noCurl = Bun.which("curl") === null;
  const lines = new Set(
    CODE_BLOCKS.flatMap(({ language, text }) => (language === "sh" ? commandLines(text) : [])).filter(
      (line) => line.startsWith("curl "),
    ),
  );
  test.skipIf(noCurl).each([...lines])(
    `%s${noCurl ? " (skipped: curl is not installed)" : ""}`,
    async (line) => {
      await using shell = new ChildProcess({
        command: ["bash", "-c", line.replace("http://[::1]:4712", base)],
      });
      expect(await shell.ended).toBe(0);
      const answer = shell.stdoutLines.join("\n");
      if (line.includes("/metrics")) expect(answer).toStartWith("# HELP bunbond_");
      else JSON.parse(answer);
    },
  );
});

describe("five minutes", () => {
  const heading = "Five minutes";

  /** The command line of the only block with that in it, without the npx in front; addresses are free ones here. */
  function words(part: string, replacements: Readonly<Record<string, string>>): string[] {
    const [npx, bunbond, ...rest] = wordsOf(commandLines(block("sh", heading, part))[0] ?? "");
    expect([npx, bunbond]).toEqual(["npx", "bunbond"]);
    return rest.map((word) => replacements[word] ?? word);
  }
  const start = (args: readonly string[]) =>
    new ChildProcess({
      command: [...FROM_SOURCE, ...args],
      cwd: REPOSITORY,
      env: { NODE_ENV: undefined },
    });
  const line = (sign: string) => withoutTime(block("text", heading, ` ${sign} `).trimEnd());

  test("are as they are shown", async () => {
    await using directory = temporaryDirectory();
    const socket = join(directory.path, "server.sock");
    const address = freeAddress();
    const ports = ["--listen", address, "--socket", socket];
    const startServer = () => start([...words("bunbond server", { "[::1]:4712": "[::1]:0" }), ...ports]);
    const client = (part: string) =>
      start([...words(part, { "::1": address }), "--socket", "none", "--retry", "0.1-0.2"]);
    const changesOf = (child: ChildProcess) => child.stdoutLines.map(withoutTime);
    const printed = (child: ChildProcess, text: string) =>
      child.until(text, () => changesOf(child).includes(text) || undefined);
    const status = async () => {
      await using asked = start([...words("bunbond status", {}), "--socket", socket]);
      await asked.ended;
      return asked.stdoutLines.join("\n");
    };
    const until = async (peers: RegExp) => {
      // What is tried is the command `status`, which is asked again.
      while (!peers.test(await status())) await Bun.sleep(50);
    };

    await using first = startServer();
    await first.logged(/ listening /);
    await using second = client("#10.0.1.0/24");
    await using third = client("#10.0.2.0/24");
    await printed(third, line("+"));
    await printed(second, "+ 100 10.0.2.0/24 via 2001:db8::2");
    expect(await status()).toMatch(/\b2 established/);

    first.signal("SIGINT");
    expect(await first.ended).toBe(0);
    await using _restarted = startServer();
    await until(/\b2 established/);
    expect([second, third].map(changesOf)).toEqual([["+ 100 10.0.2.0/24 via 2001:db8::2"], [line("+")]]);

    second.signal("SIGINT");
    expect(await second.ended).toBe(0);
    await printed(third, line("-"));
    expect(changesOf(third)).toEqual([line("+"), line("-")]);
  });

  test("the demonstration comes before the tests, whose duration is said", () => {
    const shown = CODE_BLOCKS.filter((each) => each.heading === heading && each.language === "sh").map(
      ({ text }) => text,
    );
    expect(shown.findIndex((text) => text.includes("npm run demo"))).toBe(0);
    expect(shown.findIndex((text) => text.includes("npm test"))).toBe(shown.length - 1);
  });
});
