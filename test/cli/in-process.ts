import type { Command } from "../../src/cli/program/command.ts";
import type { HelpTopic } from "../../src/cli/program/help.ts";
import { LineWriter, type TextSink } from "../../src/cli/program/output.ts";
import { runProgram } from "../../src/cli/program/program.ts";

/** Keeps what is written. `fail` makes writes throw; `stall` makes them wait for `resume`. */
export class MemorySink implements TextSink {
  text = "";
  writes = 0;
  hasEnded = false;
  fail: Error | null = null;
  onWrite: () => unknown = () => {};
  #stall: PromiseWithResolvers<void> | null = null;

  stall(): void {
    this.#stall = Promise.withResolvers();
  }

  resume(): void {
    this.#stall?.resolve();
    this.#stall = null;
  }

  async write(text: string): Promise<number> {
    await this.#stall?.promise;
    if (this.fail !== null) throw this.fail;
    this.text += text;
    this.writes++;
    this.onWrite();
    return text.length;
  }

  flush(): number {
    return 0;
  }

  end(): number {
    this.hasEnded = true;
    return 0;
  }
}

export interface Terminal {
  readonly stdoutIsTty?: boolean;
  readonly stderrIsTty?: boolean;
  readonly columns?: number;
  readonly environment?: Readonly<Record<string, string>>;
  readonly stdoutFailure?: Error;
}

/** Runs the program inside the test, its streams in memory. */
export async function runInProcess(
  argv: readonly string[],
  commands: readonly Command[],
  terminal: Terminal = {},
  topics: readonly HelpTopic[] = [],
) {
  const {
    stdoutIsTty = false,
    stderrIsTty = false,
    columns,
    environment = {},
    stdoutFailure = null,
  } = terminal;
  const stdout = new MemorySink();
  stdout.fail = stdoutFailure;
  const stderr = new MemorySink();
  const io = {
    stdout: new LineWriter(stdout),
    stderr: new LineWriter(stderr),
    stdoutIsTty,
    stderrIsTty,
    stderrIsJournal: false,
    columns,
    environment,
  };
  const exitCode = await runProgram(argv, io, commands, topics);
  return { exitCode, stdout: stdout.text, stderr: stderr.text };
}
