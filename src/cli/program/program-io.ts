import { isatty } from "node:tty";
import { hasSocketCalls } from "../../transport/sockopt.ts";
import { LineWriter, type TextSink } from "./output.ts";
import { isJournal, isSocket, ownDescriptor } from "./own-stream.ts";
import { SocketSink } from "./socket-sink.ts";

/** The program's connections with its environment, which tests replace. */
export interface ProgramIo {
  readonly stdout: LineWriter;
  readonly stderr: LineWriter;
  readonly stdoutIsTty: boolean;
  readonly stderrIsTty: boolean;
  /** Whether stderr goes to systemd's journal. */
  readonly stderrIsJournal: boolean;
  /** The terminal's width in cells, if it is known. */
  readonly columns: number | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * Returns the real environment of this process. It must be called once, since the standard streams' writers exist once.
 */
export function processIo(): ProgramIo {
  const stdoutIsTty = isatty(1);
  return {
    stdout: new LineWriter(sinkOf(1, Bun.stdout)),
    stderr: new LineWriter(sinkOf(2, Bun.stderr), { mayLose: true }),
    stdoutIsTty,
    stderrIsTty: isatty(2),
    stderrIsJournal: isJournal(2, process.env),
    columns: stdoutIsTty ? process.stdout.columns : undefined,
    environment: process.env,
  };
}

function sinkOf(fd: number, standard: Bun.BunFile): TextSink {
  if (isSocket(fd) && hasSocketCalls()) return new SocketSink(fd);
  const own = ownDescriptor(fd);
  return (own === fd ? standard : Bun.file(own)).writer();
}
