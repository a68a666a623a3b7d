/**
 * The Wireshark dissector, run by tshark: of the same capture it finds the same messages and faults, in the same packets, as
 * `bunbond decode`. One capture is of a session between a real server and real clients; others are made of the test's vectors.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Client, makeRoute, Server } from "../../src/index.ts";
import { recordJson, recordText } from "../../src/tools/decode/decoded-record.ts";
import { Decoder } from "../../src/tools/decode/decoder.ts";
import { wiresharkDissector } from "../../src/tools/wireshark/dissector.ts";
import { encodeMessage } from "../../src/wire/codec.ts";
import { HEADER_BYTES } from "../../src/wire/protocol.ts";
import { Conversation, ipPacket, joined, pcapFile } from "../support/models/capture-file.ts";
import { SeededRandom } from "../support/models/random.ts";
import { nonCanonicalVectors, refusedVectors, wireVectors } from "../support/models/wire-vectors.ts";
import { temporaryDirectory } from "../support/process/temporary-directory.ts";

const tshark = Bun.which("tshark");
const { CI } = process.env;
if (CI && tshark === null) throw new Error("CI runs the dissector's tests with tshark");
const isMissing = tshark === null;
const because = isMissing ? " (skipped: tshark is not installed)" : "";

const CLIENT = { host: "2001:db8::7", port: 40112 };
const SERVER = { host: "2001:db8::10", port: 4711 };
const HELLO = encodeMessage({ type: "HELLO", keepaliveSeconds: 5, isServer: false });
const KEEPALIVE = encodeMessage({ type: "KEEPALIVE" });
const SUBSCRIBE = encodeMessage({ type: "SUBSCRIBE", vni: 100 });

let directory: ReturnType<typeof temporaryDirectory>;
beforeAll(async () => {
  directory = temporaryDirectory();
  await Bun.write(join(directory.path, "metalbond.lua"), wiresharkDissector());
});
afterAll(() => directory[Symbol.dispose]());

/** What both decoders say of a message: its packet, and its text or its fault's code. */
type Found = readonly [packet: number, text: string];

function ofDecode(file: Uint8Array, port: number): Found[] {
  const decoder = new Decoder(port);
  return [...decoder.push(file), ...decoder.end()].flatMap((record): Found[] => {
    const { packet, message, fault } = recordJson(record);
    if (fault !== undefined) return [[packet ?? 0, fault.code]];
    const text = recordText(record)
      .replace(/^.*? > \S+ /, "")
      .replace(/ id [\da-f]{16}$/, "");
    return message === undefined ? [] : [[packet ?? 0, text]];
  });
}

async function runTshark(file: Uint8Array, ...args: readonly string[]): Promise<string> {
  const path = join(directory.path, "capture.pcap");
  await Bun.write(path, file);
  const lua = `lua_script:${join(directory.path, "metalbond.lua")}`;
  const child = Bun.spawn(["tshark", "-n", "-X", lua, "-r", path, ...args], {
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  expect([exitCode, stderr.replace(/^Running as user "root".*\n/m, "")]).toEqual([0, ""]);
  // An error in the script is shown in the packet.
  expect(stdout).not.toContain("Lua Error");
  return stdout;
}

/** A dissected frame in tshark's JSON. With --no-duplicate-keys, several of one name are an array. */
type Layer = { readonly [field: string]: string | Layer | readonly (string | Layer)[] | undefined };
interface PacketJson {
  readonly _source: {
    readonly layers: { readonly frame: Layer; readonly metalbond?: Layer | readonly Layer[] };
  };
}

function list<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value as T];
}

async function ofTshark(file: Uint8Array, ...args: readonly string[]): Promise<Found[]> {
  const stdout = await runTshark(file, ...args, "-Y", "metalbond", "-T", "json", "--no-duplicate-keys");
  const packets: PacketJson[] = JSON.parse(stdout);
  return packets.flatMap(({ _source: { layers } }) => {
    const frame = layers.frame;
    const number = Number(frame["frame.number"]);
    return list(layers.metalbond).map((layer): Found => [number, textOfLayer(layer)]);
  });
}

const TYPES: Readonly<Record<string, string>> = {
  1: "HELLO",
  2: "KEEPALIVE",
  3: "SUBSCRIBE",
  4: "UNSUBSCRIBE",
  5: "UPDATE",
};

function textOfLayer(layer: Layer): string {
  /** The last one counts if a field came twice. */
  const field = (name: string) => list(layer[`metalbond.${name}`]).at(-1)?.toString();
  const error = field("error");
  if (error !== undefined) return error;
  const type = TYPES[field("type") ?? ""] ?? "";
  switch (type) {
    case "HELLO": {
      const role = ["1", "True"].includes(field("is_server") ?? "") ? "server" : "client";
      return `HELLO ${role} keepalive ${field("keepalive_interval")} s`;
    }
    case "KEEPALIVE": {
      const vni = field("end_of_rib");
      return vni === undefined ? "KEEPALIVE" : `KEEPALIVE End-of-RIB ${vni}`;
    }
    case "UPDATE":
      return `UPDATE ${field("action") === "1" ? "REMOVE" : "ADD"} ${field("route")}`;
    default:
      return `${type} ${field("vni") ?? 0}`;
  }
}

function captureOf({ segments }: Conversation): Uint8Array {
  const packets = segments.map((segment) => ({ bytes: ipPacket(segment) }));
  return pcapFile(packets, { linkType: 101, isLittleEndian: true, isNanoseconds: false });
}

/** Passes bytes on between a client and a server, and keeps them as a conversation. */
async function recordedSession(): Promise<Conversation> {
  const conversation = new Conversation(CLIENT, SERVER).open();
  using server = await Server.start({ listen: "[::1]:0", settleSeconds: 0 });
  const { port } = server.endpoint;
  using recorder = Bun.listen<Bun.Socket<undefined> | null>({
    hostname: "::1",
    port: 0,
    data: null,
    socket: {
      async open(near) {
        near.pause();
        near.data = await Bun.connect({
          hostname: "::1",
          port,
          socket: {
            data(_far, bytes) {
              conversation.send("server", bytes.slice());
              near.write(bytes);
            },
            close: () => void near.end(),
          },
        });
        near.resume();
      },
      data(near, bytes) {
        conversation.send("client", bytes.slice());
        near.data?.write(bytes);
      },
      close: (near) => void near.data?.end(),
    },
  });
  await using other = Client.connect({ servers: [server.endpoint] });
  await using client = Client.connect({ servers: [`[::1]:${recorder.port}`] });
  other.announce(makeRoute({ vni: 100, destination: "10.0.2.0/24", nextHop: "2001:db8::2" }));
  const nat = { natPorts: [1024, 2047] } as const;
  other.announce(makeRoute({ vni: 100, destination: "2001:db8:1::/48", nextHop: "2001:db8::3", ...nat }));
  client.announce(makeRoute({ vni: 100, destination: "10.0.1.0/24", nextHop: "2001:db8::1" }));
  await Promise.all([client, other].map((each) => each.confirmed({ timeoutMs: 30_000 })));
  client.subscribe(100);
  let routes = 0;
  for await (const event of client.changes({ vnis: [100] })) {
    if (event.type === "added" && ++routes === 2) break;
  }
  client.withdraw(makeRoute({ vni: 100, destination: "10.0.1.0/24", nextHop: "2001:db8::1" }));
  await client.confirmed({ timeoutMs: 30_000 });
  return conversation;
}

describe.skipIf(isMissing)(`the Wireshark dissector${because}`, () => {
  test("finds what decode finds in a session of a server and a client", async () => {
    const file = captureOf((await recordedSession()).close());
    const expected = ofDecode(file, 4711);
    const texts = expected.map(([, text]) => text);
    expect(texts).toContainEqual(expect.stringContaining("UPDATE ADD 100 10.0.1.0/24 via 2001:db8::1"));
    expect(texts).toContainEqual("UPDATE ADD 100 2001:db8:1::/48 via 2001:db8::3 type nat ports 1024-2047");
    expect(texts).toContainEqual("UPDATE REMOVE 100 10.0.1.0/24 via 2001:db8::1");
    expect(texts).toContainEqual("KEEPALIVE End-of-RIB 100");
    expect(await ofTshark(file)).toEqual(expected);
  });

  /** All frames that the wire's tests know, valid and not, but for headers without their payload. */
  const refused = refusedVectors.filter(
    ({ frame }) => frame.length === 4 + ((frame[1] ?? 0) << 8) + (frame[2] ?? 0),
  );
  const frames = [...wireVectors, ...nonCanonicalVectors, ...refused].map(({ frame }) => frame);

  test.each([1400, 13, 1])(
    "finds the same in all vectors, cut into segments of %d bytes",
    async (segmentBytes) => {
      const valid = frames.filter((frame) => frame[0] === 1 && (frame[3] ?? 0) >= 1 && (frame[3] ?? 0) <= 5);
      const conversation = new Conversation(CLIENT, SERVER).open().send("client", HELLO);
      // One byte per segment is slow for tshark.
      const some = segmentBytes === 1 ? valid.filter((_, index) => index % 12 === 0) : valid;
      for (const frame of some) conversation.send("server", frame, segmentBytes);
      const file = captureOf(conversation);
      const expected = ofDecode(file, 4711);
      expect(expected).toHaveLength(some.length + 1);
      expect(await ofTshark(file)).toEqual(expected);
    },
  );

  const seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  test(`finds the same in damaged messages (seed ${seed})`, async () => {
    const random = new SeededRandom(seed);
    const conversation = new Conversation(CLIENT, SERVER).open();
    for (let i = 0; i < 400; i++) {
      const frame = random.pick(frames.filter(({ length }) => length > HEADER_BYTES)).slice();
      frame.set([1, 0, frame.length - HEADER_BYTES, 1 + random.below(5)]);
      for (let n = random.below(3); n >= 0; n--) {
        frame[HEADER_BYTES + random.below(frame.length - HEADER_BYTES)] = random.pick([
          0,
          1,
          0x80,
          0xff,
          random.below(256),
        ]);
      }
      conversation.send("client", frame);
    }
    const file = captureOf(conversation);
    const expected = ofDecode(file, 4711);
    expect(expected).toHaveLength(400);
    expect(await ofTshark(file)).toEqual(expected);
  });

  test("goes on after a faulty header, in the same place as decode", async () => {
    const conversation = new Conversation(CLIENT, SERVER).open();
    for (const fault of ["02000002", "0104a505", "01000063", "16030100"]) {
      conversation.send("client", joined(KEEPALIVE, Uint8Array.fromHex(fault), SUBSCRIBE, KEEPALIVE));
    }
    const file = captureOf(conversation);
    expect(await ofTshark(file)).toEqual(ofDecode(file, 4711));
  });

  test("finds connections on other ports by their bytes", async () => {
    const other = new Conversation(CLIENT, { ...SERVER, port: 17777 })
      .open()
      .send("client", HELLO)
      .send("client", SUBSCRIBE);
    const file = captureOf(other);
    expect(await ofTshark(file)).toEqual(ofDecode(file, 17777));
    const http = new Conversation(CLIENT, { ...SERVER, port: 17778 }).open();
    expect(await ofTshark(captureOf(http.send("client", Buffer.from("GET / HTTP/1.1\r\n\r\n"))))).toEqual([]);
  });

  test("has filters, addresses and expert information", async () => {
    const update = wireVectors.find(
      ({ message }) => message.type === "UPDATE" && message.destination.family === 6,
    );
    const bad = refusedVectors.find(({ name }) => name === "first port over the last");
    const conversation = new Conversation(CLIENT, SERVER).open().send("client", HELLO);
    conversation.send("server", update?.frame ?? HELLO).send("server", bad?.frame ?? HELLO);
    const file = captureOf(conversation);
    const numbers = async (filter: string) =>
      (await runTshark(file, "-Y", filter, "-T", "fields", "-e", "frame.number")).trim();
    expect(await numbers("metalbond.type == 1")).toBe("3");
    expect(await numbers("metalbond.destination.ipv6")).toBe("4");
    expect(await numbers('metalbond.error == "BAD_NAT_PORTS"')).toBe("5");
    expect(await numbers("metalbond.expert.bad_nat_ports")).toBe("5");
    expect(await numbers("metalbond.next_hop.ipv6 == 2001:db8::/32")).toMatch(/5$/);
    const columns = await runTshark(file, "-Y", "metalbond.type == 1");
    expect(columns).toContain("MetalBond");
    expect(columns).toContain("HELLO client keepalive 5 s");
  });
});
