/** The library's face: everything exported is explained, and its README's tables are what there is. */
import { describe, expect, test } from "bun:test";
import { join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import * as library from "../src/index.ts";
import { codesOf as codes, rowsOf } from "./support/process/documents.ts";

const SOURCE = fileURLToPath(new URL("../src", import.meta.url));
/** The rows' cells of the table whose first column is headed so. */
const table = (heading: string) => rowsOf(HEADINGS[heading] ?? "", heading);
const HEADINGS: Readonly<Record<string, string>> = {
  "call of `Client`": "Client",
  "call of `Server`": "Server",
  "call of `KernelRoutes`": "Kernel routes from a program",
  class: "Errors",
};

/** The public methods and getters of a class, static ones too. */
function membersOf(type: { readonly prototype: object }): string[] {
  const own = Object.getOwnPropertyNames(type).filter(
    (name) => !["length", "name", "prototype"].includes(name),
  );
  const shared = Object.getOwnPropertyNames(type.prototype).filter((name) => name !== "constructor");
  return [...own, ...shared].sort();
}

describe("every exported name has a comment", async () => {
  const index = await Bun.file(join(SOURCE, "index.ts")).text();
  const exported: [name: string, file: string][] = [];
  for (const [, names = "", file = ""] of index.matchAll(/export (?:type )?\{([^}]*)\} from "([^"]+)"/g)) {
    for (const name of names.split(",").filter((name) => name.trim() !== "")) {
      exported.push([name.replace("type ", "").trim(), normalize(file)]);
    }
  }

  test("and there are many", () => {
    expect(exported.length).toBeGreaterThan(50);
  });

  test.each(exported)("%s", async (name, file) => {
    const source = await Bun.file(join(SOURCE, file)).text();
    const declared = `export (abstract class|class|interface|type|const|function) ${name}\\b`;
    expect(new RegExp(declared).test(source)).toBe(true);
    expect(new RegExp(`\\*/\\n${declared}`).test(source)).toBe(true);
  });

  test.each([
    ["Client", "library/client.ts"],
    ["Server", "server/server.ts"],
    ["KernelRoutes", "kernel/kernel-routes.ts"],
  ])("and so has every member of %s", async (_, file) => {
    const source = await Bun.file(join(SOURCE, file)).text();
    const members = [
      ...source.matchAll(/^(.*)\n {2}((?:static |async |get )*(?!constructor)[a-z]\w*)[(<].*\{$/gm),
    ];
    expect(members.length).toBeGreaterThan(8);
    expect(members.filter(([, before = ""]) => !before.endsWith("*/")).map(([, , member]) => member)).toEqual(
      [],
    );
  });
});

describe("the library's README", () => {
  test.each([
    ["Client", library.Client],
    ["Server", library.Server],
    ["KernelRoutes", library.KernelRoutes],
  ])("has every call of %s, and no other", (name, type) => {
    const rows = table(`call of \`${name}\``);
    const shown = rows.flatMap(([call, meaning]) => [
      ...codes(call).map((text) => text.replace(/\(.*/, "")),
      ...codes(meaning).flatMap((text) => /^(is\w+|subscriptions)(\(\))?$/.exec(text)?.[1] ?? []),
    ]);
    expect(shown.sort()).toEqual(membersOf(type));
  });

  test("has every call of rustbond's crate", () => {
    const client = `connect state wait_any_established wait_all_established wait_established is_established subscribe
      unsubscribe announce withdraw get_received_routes get_announced_routes route_count is_route_table_empty server_states
      server_count connected_count server_addr get_route_servers remove_server_routes shutdown`;
    const server = "start peer_count route_count route_stats shutdown";
    const shown = (name: string) => table(`call of \`${name}\``).flatMap(([, , theirs]) => codes(theirs));
    expect(shown("Client")).toEqual(expect.arrayContaining(client.split(/\s+/)));
    expect(shown("Server")).toEqual(expect.arrayContaining(server.split(" ")));
  });

  const route = library.makeRoute({ vni: 100, destination: "10.0.1.0/24", nextHop: "2001:db8::1" });
  const thrown = (act: () => unknown): library.BunBondError => {
    try {
      act();
    } catch (error) {
      if (error instanceof library.BunBondError) return error;
    }
    throw new Error("no error of ours");
  };
  const samples: readonly library.BunBondError[] = [
    new library.NotEstablishedError([]),
    new library.TimeoutError(1, []),
    new library.ConnectionTimeoutError(1, []),
    new library.ClosedError("client"),
    new library.RouteAlreadyAnnouncedError(route),
    new library.RouteNotFoundError(route),
    new library.TableFullError(route),
    new library.AlreadySubscribedError(1),
    new library.NotSubscribedError(1),
    new library.IoError("CONNECT_FAILED", "refused"),
    new library.ListenError("EADDRINUSE", { host: "::1", port: 1 }, "in use"),
    new library.ProtocolError("UNSUPPORTED_VERSION"),
    new library.KernelError("NO_CAP_NET_ADMIN", "not allowed"),
    new library.BadOptionError("keepaliveSeconds", 0, "must be more"),
    thrown(() => library.makeRoute({ vni: -1, destination: "::/0", nextHop: "::1" })),
    thrown(() => library.Client.connect({ servers: ["::1:99999x", "[::1]:99999"].slice(1) })),
    thrown(() => library.parseAnnouncement("100#10.0.1.0/99@::1")),
  ];

  test("has every class of error", () => {
    const classes = Object.entries(library).flatMap(([name, value]) =>
      typeof value === "function" && value.prototype instanceof library.BunBondError ? [name] : [],
    );
    const shown = table("class").map(([name]) => codes(name)[0]);
    expect(shown).toEqual(samples.map(({ name }) => name));
    expect(shown.toSorted()).toEqual(classes.sort());
  });

  test.each(samples.map((error, row) => [error.name, error, row] as const))(
    "%s as it is",
    (_, error, row) => {
      const [, code, when = "", data] = table("class")[row] ?? [];
      expect(codes(code)).toEqual([error.code]);
      for (const field of codes(data).filter((field) => field !== "cause"))
        expect(error).toHaveProperty(field);
      if (when.includes("it is a"))
        expect(error).toBeInstanceOf(when.includes("IoError") ? library.IoError : library.TimeoutError);
    },
  );
});
