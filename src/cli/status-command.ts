import type { ClientStatus, ServerStatus } from "../http/control-api.ts";
import type { Command } from "./command.ts";
import type { CommandDefinition } from "./command-definition.ts";
import { CommandError } from "./command-error.ts";
import { ControlClient } from "./control-client.ts";
import { type ControlFlagValues, controlFlags, DAEMON_AWAY, print } from "./control-command.ts";
import { parseFlags } from "./flags.ts";
import { defaultSocket } from "./socket-flag.ts";
import { statusText } from "./status-text.ts";

const definition = {
  meta: {
    name: "status",
    description:
      "Show how a running server or client is: its connections, virtual networks and routes, and what it has counted.",
  },
  args: controlFlags(null),
} satisfies CommandDefinition;

type Status = ClientStatus | ServerStatus;

export function statusCommand(directory: string): Command {
  return {
    definition,
    examples: [
      { comment: "Of the only daemon on this host", line: "bunbond status" },
      { comment: "For scripts", line: "bunbond status --json" },
    ],
    exitCodes: [DAEMON_AWAY],
    async run(context) {
      const flags = parseFlags(definition.args, context.rawArgs);
      const status =
        flags.socket === undefined ? await onlyStatus(flags, directory) : await statusAt(flags, flags.socket);
      print(context, flags, status, statusText);
      return 0;
    },
  };
}

function statusAt({ json }: ControlFlagValues, socketPath: string): Promise<Status> {
  return new ControlClient({ socketPath, program: null, asJson: json }).call("/v1/status", null);
}

/** Of the one daemon that answers at a default socket. */
async function onlyStatus(flags: ControlFlagValues, directory: string): Promise<Status> {
  const paths = [defaultSocket("client", directory), defaultSocket("server", directory)];
  const settled = await Promise.allSettled(paths.map((path) => statusAt(flags, path)));
  const [status, other] = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const asJson = flags.json;
  if (other !== undefined) {
    const message = `a client and a server run here; say which: --socket ${paths.join(" or --socket ")}`;
    throw new CommandError(message, { code: "AMBIGUOUS", exitCode: 1, asJson });
  }
  if (status !== undefined) return status;
  const failures = settled.flatMap((one): unknown[] => (one.status === "rejected" ? [one.reason] : []));
  const isAway = (error: unknown) => error instanceof CommandError && error.code === "DAEMON_AWAY";
  const message = `no daemon answers at ${paths.join(" or ")}; --socket names another`;
  throw (
    failures.find((error) => !isAway(error)) ??
    new CommandError(message, { code: "DAEMON_AWAY", exitCode: 4, asJson })
  );
}
