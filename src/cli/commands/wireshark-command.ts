/** `bunbond wireshark` prints a Wireshark dissector of the protocol. It needs no daemon. */
import { wiresharkDissector } from "../../tools/wireshark/dissector.ts";
import type { Command } from "../program/command.ts";
import type { CommandDefinition } from "../program/command-definition.ts";
import { parseFlags } from "../program/flags.ts";

const definition = {
  meta: {
    name: "wireshark",
    description:
      "Print a Wireshark dissector of MetalBond, in Lua, for Wireshark's folder of personal Lua plugins or for tshark. It shows messages, routes and protocol errors, and filters by them, as in metalbond.vni == 100.",
  },
  args: {},
} satisfies CommandDefinition;

export const wiresharkCommand: Command = {
  definition,
  topics: ["protocol-errors"],
  examples: [
    {
      comment: "For Wireshark",
      line: "bunbond wireshark > ~/.local/lib/wireshark/plugins/metalbond.lua",
    },
    {
      comment: "For tshark",
      line: "bunbond wireshark > metalbond.lua && tshark -X lua_script:metalbond.lua -r capture.pcap -Y metalbond",
    },
  ],
  async run({ rawArgs, io }) {
    parseFlags(definition.args, rawArgs);
    io.stdout.write(wiresharkDissector());
    return 0;
  },
};
