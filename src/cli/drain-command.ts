import type { DrainResult } from "../http/control-api.ts";
import type { Command } from "./command.ts";
import type { CommandDefinition } from "./command-definition.ts";
import { clientOf, controlFlags, DAEMON_AWAY, print } from "./control-command.ts";
import { parseFlags } from "./flags.ts";
import { UsageError } from "./usage-error.ts";

const definition = {
  meta: {
    name: "client drain",
    description:
      "Make a running client withdraw everything it announces, so that traffic turns away from this hypervisor. It stays connected and keeps its routes, and what it announces is remembered; see --undo and --stop.",
  },
  args: {
    undo: { type: "boolean", description: "Announce everything again." },
    stop: {
      type: "boolean",
      description: "Then stop the client, after the time of its --drain.",
    },
    ...controlFlags("client"),
  },
} satisfies CommandDefinition;

/** `directory` is where the default sockets are. */
export function drainCommand(directory: string): Command {
  return {
    definition,
    examples: [
      { comment: "Before work on a hypervisor", line: "bunbond client drain" },
      { comment: "And after it", line: "bunbond client drain --undo" },
    ],
    exitCodes: [DAEMON_AWAY],
    async run(context) {
      const flags = parseFlags(definition.args, context.rawArgs);
      if (flags.undo && flags.stop) {
        throw new UsageError("BAD_VALUE", "--undo and --stop exclude each other", { hint: "give one" });
      }
      const action = flags.undo ? "undo" : flags.stop ? "stop" : "start";
      const answer = await clientOf(flags, "client", directory).call("/v1/drain", { action });
      print(context, flags, answer, drainText);
      return 0;
    },
  };
}

function drainText({ outcome, announcements, stopsInSeconds }: DrainResult): string {
  const routes = `${announcements} ${announcements === 1 ? "announcement" : "announcements"}`;
  switch (outcome) {
    case "drained":
      return `drained: ${routes} withdrawn\n`;
    case "already-drained":
      return `already drained: ${routes} withdrawn\n`;
    case "stopping":
      return `stopping: ${routes} withdrawn, ends in ${stopsInSeconds} s\n`;
    case "undone":
      return `undone: ${routes} announced again\n`;
    case "not-drained":
      return `not drained: ${routes} announced\n`;
  }
}
