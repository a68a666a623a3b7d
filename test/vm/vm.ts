/**
 * Tunnels and routes for real: servers, hypervisors and their tenants on Debian's kernel in an emulated machine, where
 * the executable stands alone (no libnl). guest/network.ts draws the network, guest/checks.ts has the checks.
 *
 * It runs by `npm run test:vm` and not with all tests: the file's name does not end in .test.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { builtExecutable } from "../support/process/built-executable.ts";
import { CHECKS } from "./guest/checks.ts";
import { Machine, reasonWithoutMachine } from "./machine.ts";

/** They decide nothing: they end what hangs. */
const START_TIMEOUT_MS = 300_000;
const CHECK_TIMEOUT_MS = 120_000;

const reason = reasonWithoutMachine();
const because = reason === null ? "" : ` (skipped: ${reason})`;

describe.skipIf(reason !== null)(`on Debian's kernel${because}`, () => {
  let machine: Machine;

  beforeAll(async () => {
    machine = await Machine.start(await builtExecutable());
    await machine.passed("start", CHECK_TIMEOUT_MS);
  }, START_TIMEOUT_MS);
  afterAll(() => machine?.[Symbol.asyncDispose]());

  test.each(CHECKS.map(({ name }) => name))(
    "%s",
    async (name) => {
      await machine.passed(name, CHECK_TIMEOUT_MS);
    },
    CHECK_TIMEOUT_MS + 10_000,
  );

  test("the kernel complains of nothing", () => {
    expect(machine.kernelMessages()).toEqual([]);
  });
});
