/** Prometheus' own tool, which checks metrics and rules. Where it is missing, tests are skipped; with CI set that is an error. */
const { CI } = process.env;
const path = Bun.which("promtool");
if (CI && path === null) throw new Error("CI runs the tests with promtool (Debian: prometheus)");

export const noPromtool = path === null;
/** For the names of tests. */
export const becauseOfPromtool = noPromtool ? " (skipped: promtool is not installed)" : "";

/** Returns what promtool complains about; empty if it is content. */
export function promtool(args: readonly string[], input = ""): string {
  const { stdout, stderr, exitCode } = Bun.spawnSync(["promtool", ...args], {
    stdin: new TextEncoder().encode(input),
  });
  const text = `${stdout}${stderr}`;
  return exitCode === 0 ? "" : `exit code ${exitCode}: ${text}`;
}
