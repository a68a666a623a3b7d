/** `bunbond peers` lists a server's peers; `bunbond peer reset` ends the connection to one. */
import type { Command } from "../program/command.ts";
import type { CommandDefinition } from "../program/command-definition.ts";
import { DAEMON_AWAY, NOT_FOUND } from "../program/exit-codes.ts";
import { parseArguments, parseFlags } from "../program/flags.ts";
import { clientOf, controlFlags, print } from "./control-flags.ts";
import { PEERS_VIEW } from "./status-text.ts";

const peersDefinition = {
  meta: {
    name: "peers",
    description: "List the peers of a running server, and what they announce and subscribe to.",
  },
  args: controlFlags("server"),
} satisfies CommandDefinition;

const resetDefinition = {
  meta: {
    name: "peer reset",
    description:
      "End the connection to one peer: to a server's peer by its id, or to a client's server by its address. The client then connects again: after its --retry, or at once if the command was for the client.",
  },
  words: {
    valueHint: "ID",
    description:
      "For a server's peer, the number that 'bunbond peers' shows; for a client's server, its HOST[:PORT].",
    example: "7",
  },
  args: controlFlags(null),
} satisfies CommandDefinition;

/** Returns the commands. `directories` have the default sockets. */
export function peerCommands(directories: readonly string[]): Command[] {
  return [
    {
      definition: peersDefinition,
      topics: ["operations", "close-reasons", "output"],
      examples: [{ comment: "The peers of the server on this host", line: "bunbond peers" }],
      exitCodes: [DAEMON_AWAY],
      async run(context) {
        const flags = parseFlags(peersDefinition.args, context.rawArgs);
        print(
          context,
          flags,
          await (await clientOf(flags, "server", directories)).call("/v1/peers", null),
          PEERS_VIEW,
        );
        return 0;
      },
    },
    {
      definition: resetDefinition,
      topics: ["operations"],
      examples: [
        { comment: "A server's peer", line: "bunbond peer reset 7" },
        { comment: "A client's server", line: "bunbond peer reset '[2001:db8::10]:4711'" },
      ],
      exitCodes: [NOT_FOUND, DAEMON_AWAY],
      async run(context) {
        const { flags, words } = parseArguments(resetDefinition, context.rawArgs);
        const [id = ""] = words;
        // Only servers have numbers for their peers.
        const program = /^\d+$/.test(id) ? "server" : "client";
        const answer = await (await clientOf(flags, program, directories)).call("/v1/peers/reset", {
          peer: id,
        });
        print(context, flags, answer, { text: ({ peer }) => `reset: ${peer}\n` });
        return 0;
      },
    },
  ];
}
