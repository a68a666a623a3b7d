import type { DrainResult } from "../../http/control/api.ts";
import type { Command } from "../program/command.ts";
import type { CommandDefinition } from "../program/command-definition.ts";
import { DAEMON_AWAY } from "../program/exit-codes.ts";
import { parseFlags } from "../program/flags.ts";
import { isForPeople, readOutput } from "../program/output-format.ts";
import { UsageError } from "../program/usage-error.ts";
import { clientOf, controlFlags, NO_SERVER, print } from "./control-flags.ts";

const definition = {
  meta: {
    name: "client drain",
    description:
      "Take a hypervisor out of service: its client withdraws everything that it announces, waits for the time of its --drain so that other hypervisors turn to other next hops, and stops. With --stay the client runs on without its announcements, until --undo.",
  },
  args: {
    stay: {
      type: "boolean",
      description:
        "Do not stop the client: it stays connected, keeps the received routes, and remembers its announcements.",
    },
    undo: { type: "boolean", description: "End --stay: announce everything again." },
    ...controlFlags("client"),
  },
} satisfies CommandDefinition;

/** Returns the command. `directories` have the default sockets. */
export function drainCommand(directories: readonly string[]): Command {
  return {
    definition,
    topics: ["operations", "upgrade"],
    examples: [
      { comment: "Before the hypervisor is switched off", line: "bunbond client drain" },
      {
        comment: "Before maintenance during which the hypervisor stays up",
        line: "bunbond client drain --stay",
      },
      { comment: "After the maintenance", line: "bunbond client drain --undo" },
    ],
    exitCodes: [DAEMON_AWAY],
    async run(context) {
      const flags = parseFlags(definition.args, context.rawArgs);
      if (flags.undo && flags.stay) {
        throw new UsageError("BAD_VALUE", "--undo and --stay exclude each other", { hint: "give one" });
      }
      const action = flags.undo ? "undo" : flags.stay ? "start" : "stop";
      const answer = await (await clientOf(flags, "client", directories)).call("/v1/drain", { action });
      print(context, flags, answer, { text: drainText });
      const waits = answer.establishedServers === 0 && action !== "stop";
      if (waits && isForPeople(readOutput(flags)))
        context.io.stderr.write(`bunbond client drain: ${NO_SERVER}\n`);
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
