/** What comes of a batch, whatever the socket does with it. */
import { describe, expect, test } from "bun:test";
import type { Operation } from "../../../src/kernel/kernel.ts";
import {
  NLM_F_ACK,
  NLMSG_ERROR,
  RTM_GETNEXTHOPBUCKET,
} from "../../../src/kernel/netlink/netlink-constants.ts";
import { NetlinkOperations } from "../../../src/kernel/netlink/netlink-operations.ts";
import { ENOBUFS, EOPNOTSUPP } from "../../../src/kernel/netlink/netlink-socket.ts";
import {
  type Answer,
  answer,
  ScriptedSocket,
  type SeenRequest,
} from "../../support/kernel/scripted-netlink.ts";

const EEXIST = 17;
const EBADF = 9;
const EINVAL = 22;
const CONTEXT = { protocol: 254, linkIndex: 3 };
const deletions = (count: number): Operation[] =>
  Array.from({ length: count }, (_, id) => ({ type: "delete-nexthop", id: id + 1 }));
const errorText = (errno: number) => `error ${errno}`;

/** A kernel in which those requests fail for which `fails` says so, by their number from 0. */
function honest(fails: (index: number) => boolean): (requests: readonly SeenRequest[]) => Answer[] {
  let index = 0;
  return (requests) =>
    requests.flatMap(({ flags, sequence }) => {
      if (fails(index++)) return [answer(NLMSG_ERROR, sequence, EEXIST)];
      return (flags & NLM_F_ACK) === 0 ? [] : [answer(NLMSG_ERROR, sequence, 0)];
    });
}

function apply(count: number, kernel: (requests: readonly SeenRequest[]) => readonly Answer[]) {
  return new NetlinkOperations(new ScriptedSocket(kernel), errorText).apply(deletions(count), CONTEXT);
}

test.each([0, 1, 255, 256, 257, 1000])("of %d operations the failed ones are named", (count) => {
  const fails = (index: number) => index % 3 === 0 || index === count - 1;
  const failed = deletions(count).flatMap((_, index) => (fails(index) ? [index] : []));
  expect(apply(count, honest(fails))).toEqual(
    failed.map((index) => ({ index, code: "EEXIST", message: "error 17" })),
  );
  expect(
    apply(
      count,
      honest(() => false),
    ),
  ).toEqual([]);
});

describe("what is not known to be done counts as failed:", () => {
  const unknown = (index: number) => ({ index, code: "ENOBUFS", message: `error ${ENOBUFS}` });

  test("no acknowledgement", () => {
    const failures = apply(3, (requests) => honest((index) => index === 1)(requests).slice(0, -1));
    expect(failures).toEqual([{ index: 1, code: "EEXIST", message: "error 17" }, unknown(0), unknown(2)]);
  });

  test("an answer lost on the way", () => {
    const failures = apply(3, (requests) => [ENOBUFS, ...honest((index) => index === 1)(requests)]);
    expect(failures).toEqual([{ index: 1, code: "EEXIST", message: "error 17" }, unknown(0), unknown(2)]);
  });

  test("no memory to send", () => {
    const operations = new NetlinkOperations(new ScriptedSocket(() => [], ENOBUFS), errorText);
    expect(operations.apply(deletions(2), CONTEXT)).toEqual([unknown(0), unknown(1)]);
  });
});

test("answers to earlier batches are passed over", () => {
  const socket = new ScriptedSocket((requests) => [
    answer(NLMSG_ERROR, (requests[0]?.sequence ?? 0) - 1, EEXIST),
    ...honest(() => false)(requests),
  ]);
  const operations = new NetlinkOperations(socket, errorText);
  for (let i = 0; i < 3; i++) expect(operations.apply(deletions(300), CONTEXT)).toEqual([]);
});

test.each([
  ["no resilient groups", EOPNOTSUPP],
  ["resilient groups", EINVAL],
])("a kernel with %s says so when asked for a bucket of no group", (_, errno) => {
  const types: number[] = [];
  const socket = new ScriptedSocket((requests) =>
    requests.map(({ type, sequence }) => {
      types.push(type);
      return answer(NLMSG_ERROR, sequence, errno);
    }),
  );
  expect(new NetlinkOperations(socket, errorText).probeResilience()).toBe(errno);
  expect(types).toEqual([RTM_GETNEXTHOPBUCKET]);
});

test("a broken socket is an error", () => {
  const operations = new NetlinkOperations(new ScriptedSocket(() => [], EBADF), errorText);
  expect(() => operations.apply(deletions(1), CONTEXT)).toThrow("the kernel cannot be spoken to: error 9");
  const broken = new NetlinkOperations(new ScriptedSocket(() => [EBADF]), errorText);
  expect(() => broken.apply(deletions(1), CONTEXT)).toThrow("the kernel cannot be spoken to: error 9");
});
