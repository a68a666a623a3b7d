/** Loaded before all tests (bunfig.toml). */
import { setDefaultTimeout } from "bun:test";

// No test is decided by time. This only ends one that hangs; machines may be slow and busy.
setDefaultTimeout(120_000);
