/**
 * The way from one version to the next in `bunbond help upgrade`, carried out with its own command lines: two servers, ten clients,
 * all upgraded one after the other, and no client ever prints a withdrawal.
 *
 * Hosts are directories here. What a command line says is done with these differences: an address is one of the loopback
 * network, /usr/local/bin is the host's directory, pkill and pidwait mean the host's own process, and daemons have a
 * socket of their own and short times (--retry, --settle).
 */

import { beforeAll, expect, test } from "bun:test";
import { copyFileSync, linkSync, mkdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { ControlClient } from "../../src/cli/commands/control-client.ts";
import { freeAddress } from "../support/network/free-address.ts";
import { builtExecutable } from "../support/process/built-executable.ts";
import { ChildProcess } from "../support/process/child-process.ts";
import { block, commandLines, wordsOf } from "../support/process/documents.ts";
import { withoutTime } from "../support/process/printed-change.ts";
import { temporaryDirectory } from "../support/process/temporary-directory.ts";

const CLIENTS = 10;
const FIRST_START = "Two servers and a hypervisor";
const UPGRADE = "A rolling upgrade without a withdrawn route";
const INSTALL_DIRECTORY = "/usr/local/bin";
const LOOK_AGAIN_MS = 50;

/** Short, so that the test is; the servers' is long enough for ten clients to return in. */
const TIMES = { client: ["--retry", "0.1-0.2"], server: ["--settle", "1"] } as const;

let executable: string;
beforeAll(async () => {
  executable = await builtExecutable();
}, 300_000);

/** Where one daemon runs, and the processes that it was, the last one at the end. */
class Host implements AsyncDisposable {
  readonly #directory: string;
  /** Rewrites what a command line says of the hosts in the documents. */
  readonly #rewrite: (word: string) => string;
  /** More words for the daemon. */
  readonly #extra: readonly string[];
  readonly #daemons: ChildProcess[] = [];

  constructor(directory: string, rewrite: (word: string) => string, extra: readonly string[]) {
    this.#directory = directory;
    this.#rewrite = rewrite;
    this.#extra = extra;
    mkdirSync(directory);
  }

  get daemon(): ChildProcess {
    const daemon = this.#daemons.at(-1);
    if (daemon === undefined) throw new Error("no daemon was started here");
    return daemon;
  }

  get #socket(): string {
    return join(this.#directory, "daemon.sock");
  }

  /** Brings a file here. */
  install(path: string, name: string): void {
    linkSync(path, join(this.#directory, name));
  }

  async runBlock(text: string): Promise<void> {
    for (const line of commandLines(text)) await this.#run(wordsOf(line));
  }

  async #run([program = "", ...words]: readonly string[]): Promise<void> {
    if (program === "mv") {
      const [from = "", to = ""] = words.map((path) => path.replace(INSTALL_DIRECTORY, this.#directory));
      renameSync(from, to);
    } else if (program === "pkill") {
      this.#expectNamed(words);
      this.daemon.signal("SIGTERM");
    } else if (program === "pidwait") {
      expect(await this.daemon.ended).toBe(0);
    } else if (program === "bunbond") this.#start(words);
    else throw new Error(`what does ${program} do?`);
  }

  /** The process has the name by which pkill -x finds it. */
  #expectNamed(words: readonly string[]): void {
    const name = readFileSync(`/proc/${this.daemon.pid}/comm`, "utf8").trim();
    expect(words).toEqual(["-x", name]);
  }

  #start([kind = "", ...words]: readonly string[]): void {
    const times = kind === "server" ? TIMES.server : TIMES.client;
    const command = [join(this.#directory, "bunbond"), kind, ...words.map(this.#rewrite)];
    const own = [...times, ...this.#extra, "--socket", this.#socket];
    this.#daemons.push(new ChildProcess({ command: [...command, ...own], env: { NODE_ENV: undefined } }));
  }

  /** Carries out `bunbond` with these words until its answer has that in it. */
  async untilSaid(words: readonly string[], pattern: RegExp): Promise<void> {
    const command = [join(this.#directory, "bunbond"), ...words, "--socket", this.#socket];
    for (;;) {
      await using asked = new ChildProcess({ command, env: { NODE_ENV: undefined } });
      await asked.ended;
      if (asked.stdoutLines.some((line) => pattern.test(line))) return;
      // A daemon of an older release has no event for it.
      await Bun.sleep(LOOK_AGAIN_MS);
    }
  }

  /** Waits until the daemon has nothing left that it keeps for a server or a client to confirm. */
  async untilNothingStale(): Promise<void> {
    const control = new ControlClient({ socketPath: this.#socket, program: null });
    for (;;) {
      const status = await control.call("/v1/status", null);
      const isStale =
        status.program === "server"
          ? status.retainedAnnouncements > 0
          : status.servers.some(({ state, staleRoutes }) => state !== "established" || staleRoutes > 0);
      if (!isStale) return;
      // A daemon of an older release has no event for it.
      await Bun.sleep(LOOK_AGAIN_MS);
    }
  }

  /** All that a client printed here, in all its lives. */
  get changes(): string[] {
    return this.#daemons.flatMap(({ stdoutLines }) => stdoutLines.map(withoutTime));
  }

  /** The file that the daemon runs. */
  get inode(): number {
    return statSync(`/proc/${this.daemon.pid}/exe`).ino;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const daemon of this.#daemons) await daemon[Symbol.asyncDispose]();
  }
}

test("two servers and ten clients are upgraded by the documents' commands, and nobody sees a withdrawal", async () => {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(temporaryDirectory()).path;
  const oldVersion = join(directory, "old");
  const newVersion = join(directory, "new");
  for (const version of [oldVersion, newVersion]) copyFileSync(executable, version);

  const addresses = { "server-1.example": freeAddress(), "server-2.example": freeAddress() };
  const servers = Object.entries(addresses).map(([name, address]) =>
    stack.use(
      new Host(join(directory, name), (word) => word.replace("[::1]:4712", "[::1]:0"), ["--listen", address]),
    ),
  );
  const clients = Array.from({ length: CLIENTS }, (_, index) => {
    const number = `${index + 1}`;
    const rewrite = (word: string) =>
      Object.entries(addresses)
        .reduce((text, [name, address]) => text.replace(name, address), word)
        .replace(/#(10\.0|192\.0\.2)\.7(?=[./])/, `#$1.${number}`)
        .replace("@2001:db8::7", `@2001:db8::${number}`);
    return stack.use(new Host(join(directory, `hv-${number}`), rewrite, []));
  });
  const hosts = [...servers, ...clients];

  const destination = (section: string) => {
    const scp = commandLines(block("sh", section, "scp")).find((line) => line.startsWith("scp"));
    const [, , path = ""] = wordsOf(scp ?? "");
    return path.endsWith("/") ? "bunbond" : basename(path);
  };
  for (const host of hosts) host.install(oldVersion, destination(FIRST_START));
  for (const server of servers) await server.runBlock(block("sh", FIRST_START, "bunbond server"));
  for (const server of servers) await server.daemon.logged(/ listening /);
  for (const client of clients) await client.runBlock(block("sh", FIRST_START, "bunbond client"));

  const routes = clients.flatMap((_, index) => [
    `+ 100 10.0.${index + 1}.0/24 via 2001:db8::${index + 1}`,
    `+ 200 192.0.2.${index + 1}/32 via 2001:db8::${index + 1} type nat ports 1024-2047`,
  ]);
  const isComplete = ({ stdoutLines }: ChildProcess) => stdoutLines.length === routes.length - 2;
  const complete = async (client: Host) =>
    client.daemon.until("the routes of all others", () => isComplete(client.daemon) || undefined);
  for (const client of clients) await complete(client);

  const status = wordsOf(commandLines(block("sh", UPGRADE, "bunbond status"))[0] ?? "").slice(1);
  for (const host of hosts) host.install(newVersion, destination(UPGRADE));
  for (const server of servers) {
    await server.untilSaid(status, /10 established/);
    await server.runBlock(block("sh", UPGRADE, "bunbond server"));
    await server.untilSaid(status, /10 established/);
  }
  for (const client of clients) await client.untilNothingStale();
  for (const client of clients) {
    await client.runBlock(block("sh", UPGRADE, "bunbond client"));
    await complete(client);
  }

  for (const server of servers) await server.untilNothingStale();
  for (const host of hosts) expect(host.inode).toBe(statSync(newVersion).ino);
  for (const [index, client] of clients.entries()) {
    const ofOthers = routes.toSpliced(2 * index, 2);
    expect(client.changes.toSorted()).toEqual([...ofOthers, ...ofOthers].sort());
  }
});
