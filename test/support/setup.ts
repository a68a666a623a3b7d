/** Loaded before all tests (bunfig.toml). */
import { afterAll } from "bun:test";
import { removeBuiltExecutable } from "./process/built-executable.ts";

// No test is decided by time: this only ends one that hangs, for machines may be slow and busy. Bun 1.4.4 has no setting
// for it, and behind the first file forgets what `setDefaultTimeout` has said here: so each test file says it.
const WAIT = `import { setDefaultTimeout as waitFor } from "bun:test"; waitFor(120_000);`;

Bun.plugin({
  name: "patient tests",
  setup(build) {
    build.onLoad({ filter: /\.test\.ts$/ }, async ({ path }) => {
      // On its first line, so that all lines keep their numbers.
      return { contents: `${WAIT} ${await Bun.file(path).text()}`, loader: "ts" };
    });
  },
});

afterAll(removeBuiltExecutable);
