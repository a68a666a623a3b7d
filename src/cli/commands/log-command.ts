/** `bunbond log` changes the level of a running daemon's log. */
import { LOG_LEVELS } from "../../base/logger.ts";
import { readOneOf } from "../flags/values.ts";
import type { Command } from "../program/command.ts";
import type { CommandDefinition } from "../program/command-definition.ts";
import { DAEMON_AWAY, EXIT_OK } from "../program/exit-codes.ts";
import { parseArguments } from "../program/flags.ts";
import { clientOf, controlFlags, print } from "./control-flags.ts";

const definition = {
  meta: {
    name: "log",
    description:
      "Change the level of a running daemon's log, until it ends or its configuration file says otherwise. SIGUSR1 switches debug on and off.",
  },
  words: {
    valueHint: LOG_LEVELS.join("|"),
    description: "Log lines of this level and of those before it.",
    example: "debug",
  },
  args: controlFlags(null),
} satisfies CommandDefinition;

/** `directories` are where the default sockets are. */
export function logCommand(directories: readonly string[]): Command {
  return {
    definition,
    topics: ["log-events", "operations"],
    examples: [
      { comment: "While a fault is looked for", line: "bunbond log debug" },
      { comment: "Afterwards, at one of several daemons", line: "bunbond log info --socket server-4711" },
    ],
    exitCodes: [DAEMON_AWAY],
    async run(context) {
      const { flags, words } = parseArguments(definition, context.rawArgs);
      const level = readOneOf("LEVEL", words[0] ?? "", LOG_LEVELS);
      const answer = await (await clientOf(flags, null, directories)).call("/v1/log", { level });
      print(context, flags, answer, {
        text: (change) => `log level: ${change.level}, before ${change.before}\n`,
      });
      return EXIT_OK;
    },
  };
}
