/** Which descriptors a service manager passes on. */
import { expect, test } from "bun:test";
import { readListenEnvironment } from "../../src/systemd/listen-environment.ts";

test.each([
  ["nothing", {}, []],
  ["one", { LISTEN_FDS: "1", LISTEN_PID: "42" }, [3]],
  ["two", { LISTEN_FDS: "2", LISTEN_PID: "42" }, [3, 4]],
  ["those of another process, inherited", { LISTEN_FDS: "1", LISTEN_PID: "41" }, []],
  ["a count without a process", { LISTEN_FDS: "1" }, []],
  ["no number", { LISTEN_FDS: "-1", LISTEN_PID: "42" }, []],
])("%s", (_, environment, expected) => {
  expect(readListenEnvironment(environment, 42)).toEqual(expected);
});
