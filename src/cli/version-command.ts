import type { Command } from "./command.ts";
import type { CommandDefinition } from "./command-definition.ts";
import { parseFlags } from "./flags.ts";
import { formatVersion, versionInfo } from "./version.ts";

const definition = {
  meta: { name: "version", description: "Print the version of the program, its commit and the Bun inside." },
  args: { json: { type: "boolean", description: "Print them as one JSON object." } },
} satisfies CommandDefinition;

export const versionCommand: Command = {
  definition,
  examples: [{ comment: "For scripts", line: "bunbond version --json" }],
  async run({ rawArgs, io }) {
    const { json } = parseFlags(definition.args, rawArgs);
    io.stdout.write(`${json ? JSON.stringify(versionInfo) : formatVersion(versionInfo)}\n`);
    return 0;
  },
};
