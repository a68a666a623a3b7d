/** Loaded before all tests (bunfig.toml). */
import { afterAll, setDefaultTimeout } from "bun:test";
import { removeBuiltExecutable } from "./built-executable.ts";

// No test is decided by time. This only ends one that hangs; machines may be slow and busy. Bun 1.4.4 forgets it behind
// the first file, so that `npm test` says it on the command line, too.
setDefaultTimeout(120_000);

afterAll(removeBuiltExecutable);
