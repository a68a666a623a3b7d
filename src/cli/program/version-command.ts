import type { Command } from "./command.ts";
import type { CommandDefinition } from "./command-definition.ts";
import { parseFlags } from "./flags.ts";
import licenses from "./third-party-licenses.txt" with { type: "text" };
import { formatVersion, versionInfo } from "./version.ts";

const definition = {
  meta: {
    name: "version",
    description: "Print the version of the program, its commit and its version of Bun.",
  },
  args: {
    json: { type: "boolean", description: "Print them as one JSON object." },
    licenses: { type: "boolean", description: "Print the licences of the third-party software inside." },
  },
} satisfies CommandDefinition;

export const versionCommand: Command = {
  definition,
  topics: ["executable"],
  examples: [{ comment: "For scripts", line: "bunbond version --json" }],
  async run({ rawArgs, io }) {
    const { json, licenses: showLicenses } = parseFlags(definition.args, rawArgs);
    if (showLicenses) {
      io.stdout.write(licenses);
      return 0;
    }
    io.stdout.write(`${json ? JSON.stringify(versionInfo) : formatVersion(versionInfo)}\n`);
    return 0;
  },
};
