/** `bunbond peers` lists a server's peers, or shows one; `bunbond peer reset` ends the connection to one. */
import type { GonePeerList, PeerDetail } from "../../http/control/api.ts";
import type { Command } from "../program/command.ts";
import type { CommandDefinition } from "../program/command-definition.ts";
import { DAEMON_AWAY, EXIT_OK, NOT_FOUND } from "../program/exit-codes.ts";
import { parseArguments } from "../program/flags.ts";
import { peersOf } from "./control-client.ts";
import { clientOf, controlFlags, print } from "./control-flags.ts";
import { GONE_VIEW, PEER_VIEW, PEERS_VIEW } from "./status-text.ts";

const peersDefinition = {
  meta: {
    name: "peers",
    description:
      "List the peers of a running server: what they announce and subscribe to, and which of them are slow. With an ID, show all that is known of one peer, also if it left in the last hour.",
  },
  words: {
    valueHint: "ID",
    description: "The number of one peer.",
    example: "7",
    optional: true,
    form: /^\d+$/,
  },
  args: {
    gone: { type: "boolean", description: "List the peers that left in the last hour, and why." },
    ...controlFlags("server"),
  },
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
      examples: [
        { comment: "The peers of the server on this host", line: "bunbond peers" },
        { comment: "All about one of them", line: "bunbond peers 7" },
        { comment: "Who is missing, and why", line: "bunbond peers --gone" },
      ],
      exitCodes: [NOT_FOUND, DAEMON_AWAY],
      async run(context) {
        const { flags, words } = parseArguments(peersDefinition, context.rawArgs);
        const [id] = words;
        const client = await clientOf(flags, "server", directories);
        if (id === undefined) {
          if (flags.gone) {
            print(context, flags, await peersOf<GonePeerList>(client, "/v1/peers?gone=true"), GONE_VIEW);
          } else print(context, flags, await peersOf(client), PEERS_VIEW);
        } else {
          const detail = await client.get<PeerDetail>(`/v1/peers/${encodeURIComponent(id)}`);
          print(context, flags, detail, PEER_VIEW);
        }
        return EXIT_OK;
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
