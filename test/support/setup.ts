/** Bun loads this file before all tests (bunfig.toml). */
import * as bunTest from "bun:test";
import { removeBuiltExecutable } from "./process/built-executable.ts";

/** No test is decided by time, for machines may be slow and busy: this only ends a test that hangs. */
const TIME_OUT_MS = 120_000;

// Bun 1.4.4 takes a time-out from its command line only, and plain `bun test` must do. `setDefaultTimeout` holds for a
// single file, so every call that declares a test or a hook sets it again.
const { test, describe, beforeAll, beforeEach, afterEach, afterAll } = bunTest;
bunTest.mock.module("bun:test", () => ({
  ...bunTest,
  test: withTimeOut(test),
  describe: withTimeOut(describe),
  beforeAll: withTimeOut(beforeAll),
  beforeEach: withTimeOut(beforeEach),
  afterEach: withTimeOut(afterEach),
  afterAll: withTimeOut(afterAll),
}));

/** Returns the same function, with the same methods (`test.each`, `test.if`, …), that sets the time-out first. */
function withTimeOut<F extends CallableFunction>(declare: F, owner?: CallableFunction): F {
  return new Proxy(declare, {
    apply(_target, _self, parameters) {
      bunTest.setDefaultTimeout(TIME_OUT_MS);
      return Reflect.apply(declare, owner, parameters);
    },
    get(_target, name) {
      const value = Reflect.get(declare, name);
      return typeof value === "function" ? withTimeOut(value, declare) : value;
    },
  });
}

afterAll(removeBuiltExecutable);
