import type { ClientStatus, ServerStatus } from "../../http/control/api.ts";
import { socketNamed } from "../flags/socket-flag.ts";
import type { Command, CommandContext } from "../program/command.ts";
import type { CommandDefinition } from "../program/command-definition.ts";
import { CommandError } from "../program/command-error.ts";
import { DAEMON_AWAY, EXIT_NO_DAEMON } from "../program/exit-codes.ts";
import { parseFlags } from "../program/flags.ts";
import { isForPeople, readOutput } from "../program/output-format.ts";
import { styleFor } from "../program/style.ts";
import { ControlClient } from "./control-client.ts";
import { awayPaths, type ControlFlagValues, controlFlags, print, socketsIn } from "./control-flags.ts";
import { STATUS_VIEW } from "./status-text.ts";

const definition = {
  meta: {
    name: "status",
    description:
      "Show the state of the running servers and clients: their connections, virtual networks, routes and counters. With -o json, print one object per line for each of them.",
  },
  args: controlFlags(null),
} satisfies CommandDefinition;

type Status = ClientStatus | ServerStatus;

export function statusCommand(directories: readonly string[]): Command {
  return {
    definition,
    topics: ["troubleshooting", "close-reasons", "metrics", "operations", "output"],
    examples: [
      { comment: "The state of all daemons on this host", line: "bunbond status" },
      { comment: "For scripts", line: "bunbond status -o json" },
    ],
    exitCodes: [DAEMON_AWAY],
    async run(context) {
      const flags = parseFlags(definition.args, context.rawArgs);
      const paths =
        flags.socket === undefined
          ? await socketsIn(directories, null)
          : [socketNamed(flags.socket, directories)];
      const [path, ...others] = paths;
      if (path === undefined) throw nobody(directories);
      if (others.length > 0) return await showAll(context, flags, paths);
      print(context, flags, await statusAt(path), STATUS_VIEW);
      return 0;
    },
  };
}

function statusAt(socketPath: string): Promise<Status> {
  return new ControlClient({ socketPath, program: null }).call("/v1/status", null);
}

/** Prints each status under the path of its socket. A daemon that does not answer does not hide the others, and decides the exit code. */
async function showAll(
  context: CommandContext,
  flags: ControlFlagValues,
  paths: readonly string[],
): Promise<number> {
  const style = styleFor(context.io.stdoutIsTty, context.io.environment);
  const format = readOutput(flags);
  const answers = await Promise.allSettled(paths.map((path) => statusAt(path)));
  let failure: unknown = null;
  for (const [index, answer] of answers.entries()) {
    if (answer.status === "rejected") {
      failure ??= answer.reason;
      continue;
    }
    if (isForPeople(format)) {
      context.io.stdout.write(`${index === 0 ? "" : "\n"}${style.bold(`${paths[index]}:`)}\n`);
    } else if (format === "yaml" && index > 0) {
      context.io.stdout.write("---\n");
    }
    print(context, flags, answer.value, STATUS_VIEW);
  }
  if (failure !== null) throw failure;
  return 0;
}

function nobody(directories: readonly string[]): CommandError {
  const message = `no daemon answers at ${awayPaths(directories, null).join(" or ")}; name another socket by --socket`;
  return new CommandError(message, { code: "DAEMON_AWAY", exitCode: EXIT_NO_DAEMON });
}
