import { isatty } from "node:tty";
import { LineWriter } from "./output.ts";

/** The program's outside, so that tests can stand in for it. */
export interface ProgramIo {
  readonly stdout: LineWriter;
  readonly stderr: LineWriter;
  readonly stdoutIsTty: boolean;
  readonly stderrIsTty: boolean;
  /** Width of the terminal in cells, where known. */
  readonly columns: number | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The real one. The standard streams' writers exist once: call it once. */
export function processIo(): ProgramIo {
  const stdoutIsTty = isatty(1);
  return {
    stdout: new LineWriter(Bun.stdout.writer()),
    stderr: new LineWriter(Bun.stderr.writer(), { mayLose: true }),
    stdoutIsTty,
    stderrIsTty: isatty(2),
    columns: stdoutIsTty ? process.stdout.columns : undefined,
    environment: process.env,
  };
}
