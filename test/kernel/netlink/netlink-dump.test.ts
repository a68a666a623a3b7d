/** Scan a dump, whatever happens to it on its way. */
import { expect, test } from "bun:test";
import {
  NLM_F_DUMP_INTR,
  NLMSG_DONE,
  NLMSG_ERROR,
  RTM_NEWNEXTHOP,
} from "../../../src/kernel/netlink/netlink-constants.ts";
import { readDump } from "../../../src/kernel/netlink/netlink-dump.ts";
import { EMSGSIZE, ENOBUFS, ENOENT, EOPNOTSUPP } from "../../../src/kernel/netlink/netlink-socket.ts";
import { type Answer, answer, done, isDump, ScriptedSocket } from "../../support/kernel/scripted-netlink.ts";

const EBUSY = 16;

const DUMPS = {
  nexthops: { what: "nexthops", linkIndex: 0 },
  routes: { what: "routes", family: 4, protocol: 254, table: 100 },
} as const;

type Attempt = (sequence: number) => readonly Answer[];

/** Reads with a kernel that answers the attempts one after the other, the last of them again and again. */
async function read(...attempts: Attempt[]) {
  return readOf("nexthops", ...attempts);
}

async function readOf(what: keyof typeof DUMPS, ...attempts: Attempt[]) {
  let isWhole = false;
  const sockets: ScriptedSocket[] = [];
  let found: number[] = [];
  const system = {
    openSocket: () => {
      const kernel = attempts[Math.min(sockets.length, attempts.length - 1)];
      const socket = new ScriptedSocket(([request]) => {
        if (request === undefined || !isDump(request)) throw new Error("no dump was asked for");
        return kernel?.(request.sequence) ?? [];
      });
      sockets.push(socket);
      return socket;
    },
    errorText: (errno: number) => `error ${errno}`,
  };
  try {
    isWhole = await readDump(system, DUMPS[what], () => {
      const fresh: number[] = [];
      found = fresh;
      return ({ view, start }) => fresh.push(-view.getInt32(start, true));
    });
  } finally {
    expect(sockets.every(({ isClosed }) => isClosed)).toBe(true);
  }
  return { found, attempts: sockets.length, ...(!isWhole && { isWhole }) };
}

const record = (sequence: number, value: number, flags = 0) => answer(RTM_NEWNEXTHOP, sequence, value, flags);
const whole = (sequence: number) => [record(sequence, 1), record(sequence, 2), done(sequence)];

test("all of it, once", async () => {
  expect(await read(whole)).toEqual({ found: [1, 2], attempts: 1 });
});

test("what answers something else is passed over", async () => {
  expect(await read((sequence) => [record(sequence + 1, 7), ...whole(sequence)])).toEqual({
    found: [1, 2],
    attempts: 1,
  });
});

test.each<[string, (sequence: number) => readonly Answer[]]>([
  ["something changed meanwhile", (sequence) => [record(sequence, 7, NLM_F_DUMP_INTR), done(sequence)]],
  ["only the end says so", (sequence) => [record(sequence, 7), done(sequence, NLM_F_DUMP_INTR)]],
  ["a part was lost", (sequence) => [record(sequence, 7), ENOBUFS, done(sequence)]],
  ["it has no end", (sequence) => [record(sequence, 7)]],
  ["a part is larger than the buffer", () => [new Uint8Array(300_000)]],
])("it is read again when %s", async (_, bad) => {
  expect(await read(bad, whole)).toEqual({ found: [1, 2], attempts: 2 });
});

test("one that never stands still is taken as it is in the end", async () => {
  const moving = (sequence: number) => [record(sequence, 7, NLM_F_DUMP_INTR), done(sequence)];
  expect(await read(moving)).toEqual({ found: [7], attempts: 5 });
});

test("one that ends at a record which is too large for it is not whole, and is not read again", async () => {
  const short = (sequence: number) => [record(sequence, 7), answer(NLMSG_DONE, sequence, EMSGSIZE)];
  expect(await read(short, whole)).toEqual({ found: [7], attempts: 1, isWhole: false });
});

test.each([NLMSG_DONE, NLMSG_ERROR])(
  "a table that does not exist has no routes (message type %d)",
  async (type) => {
    expect(await readOf("routes", (sequence) => [answer(type, sequence, ENOENT)])).toEqual({
      found: [],
      attempts: 1,
    });
  },
);

test.each<[string, string, (sequence: number) => readonly Answer[]]>([
  ["SOCKET_FAILED", "error 105", (sequence) => [record(sequence, 7)]],
  ["SOCKET_FAILED", "error 16", (sequence) => [answer(NLMSG_ERROR, sequence, EBUSY)]],
  ["SOCKET_FAILED", "error 16", (sequence) => [answer(NLMSG_DONE, sequence, EBUSY)]],
  ["NO_NEXTHOP_OBJECTS", "Linux 5.3", (sequence) => [answer(NLMSG_ERROR, sequence, EOPNOTSUPP)]],
])("%s: %s", async (code, text, kernel) => {
  await expect(read(kernel)).rejects.toMatchObject({ code, message: expect.stringContaining(text) });
});
