/** `bunbond check-config` reports all errors that `--config` and SIGHUP would report about a file, and changes nothing. */

import { printable } from "../../base/marked-text.ts";
import { formatEndpoint } from "../../net/endpoint.ts";
import { type ConfigFile, parseConfig, readConfigText } from "../config/config-file.ts";
import { type Judgement, judgeOptions } from "../config/config-options.ts";
import { ROLE_SETTING, settingNames } from "../config/config-values.ts";
import {
  type ClientConfig,
  clientDefinition,
  parseClientOptions,
  subscriptionsOf,
} from "../daemon/client-command.ts";
import { parseServerOptions, type ServerConfig, serverDefinition } from "../daemon/server-command.ts";
import type { Command, CommandContext } from "../program/command.ts";
import type { CommandDefinition } from "../program/command-definition.ts";
import { counted } from "../program/counted.ts";
import { EXIT_USAGE } from "../program/exit-codes.ts";
import { parseArguments } from "../program/flags.ts";
import { describeUsageError, UsageError } from "../program/usage-error.ts";

const ROLES = ["server", "client"] as const;
type Role = (typeof ROLES)[number];

const checkConfigDefinition = {
  meta: {
    name: "check-config",
    description:
      "Check a configuration file as the daemon would read it. Print a summary, or all errors in it.",
  },
  words: {
    valueHint: "FILE",
    example: "/etc/bunbond/client.yaml",
    description: "The file that --config will name.",
    second: {
      valueHint: ROLES.join("|"),
      description:
        "The program that the file is for. If left out: the setting `role` in the file, or else the program that has more of its settings.",
    },
  },
  args: {
    json: { type: "boolean", description: "Print the result as one JSON object." },
  },
} satisfies CommandDefinition;

/** What a file without errors contains. */
interface Summary {
  readonly role: Role;
  /** The summary for people. */
  readonly text: string;
  /** The same facts by name, for JSON. */
  readonly facts: Readonly<Record<string, string | number | null>>;
  readonly warnings: readonly string[];
}

export const checkConfigCommand: Command = {
  definition: checkConfigDefinition,
  topics: ["config"],
  examples: [
    { comment: "Before a reload", line: "bunbond check-config /etc/bunbond/client.yaml" },
    { comment: "As JSON", line: "bunbond check-config server.yaml server --json" },
  ],
  run: checkConfig,
};

async function checkConfig({ rawArgs, io }: CommandContext): Promise<number> {
  const { flags, words } = parseArguments(checkConfigDefinition, rawArgs);
  const [path = "", roleWord] = words;
  const { summary, errors } = await judgeFile(path, roleWord === undefined ? null : readRole(roleWord));
  if (summary === null) {
    if (flags.json) io.stdout.write(document({ file: path, ok: false, errors: errors.map(errorDocument) }));
    // One write for all lines: a busy stream would take only some of many small writes.
    else io.stderr.write(errors.map((error) => `${describeUsageError(error)}\n`).join(""));
    return EXIT_USAGE;
  }
  const { role, text, facts, warnings } = summary;
  if (flags.json) io.stdout.write(document({ file: path, ok: true, role, ...facts, warnings }));
  else {
    io.stdout.write(`${printable(path)}: ok, ${role}: ${text}\n`);
    io.stderr.write(warnings.map((warning) => `${printable(path)}: warning: ${warning}\n`).join(""));
  }
  return 0;
}

function document(result: object): string {
  return `${JSON.stringify(result)}\n`;
}

function readRole(word: string): Role {
  const role = ROLES.find((one) => one === word);
  if (role !== undefined) return role;
  throw new UsageError("UNEXPECTED_ARGUMENT", `unexpected argument "${word}"`, {
    hint: `after the file comes ${ROLES.join(" or ")}`,
  });
}

interface FileJudgement {
  /** What the file contains; null if it has errors. */
  readonly summary: Summary | null;
  readonly errors: readonly UsageError[];
}

async function judgeFile(path: string, askedRole: Role | null): Promise<FileJudgement> {
  try {
    const file = parseConfig(path, await readConfigText(path));
    return (askedRole ?? roleOf(file)) === "server"
      ? summarized(judgeOptions(serverDefinition, [], file, parseServerOptions), serverSummary)
      : summarized(judgeOptions(clientDefinition, [], file, parseClientOptions), clientSummary);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return { summary: null, errors: [error, ...error.others] };
  }
}

function summarized<Options>(
  { options, errors }: Judgement<Options>,
  summary: (options: Options) => Summary,
): FileJudgement {
  return { summary: errors.length > 0 ? null : summary(options), errors };
}

function serverSummary({ listen, http }: ServerConfig): Summary {
  const address = formatEndpoint(listen);
  const httpAddress = http === null ? null : formatEndpoint(http);
  return {
    role: "server",
    text: `listens on ${address}${httpAddress === null ? "" : `, HTTP on ${httpAddress}`}`,
    facts: { listen: address, http: httpAddress },
    warnings: [],
  };
}

function clientSummary(options: ClientConfig): Summary {
  const { servers, announcements, installRoutes, warnings } = options;
  const facts = {
    servers: servers.length,
    vnis: subscriptionsOf(options).length,
    announcements: announcements.length,
    installRoutes: installRoutes.length,
  };
  const counts = [
    counted(facts.servers, "server"),
    counted(facts.vnis, "VNI"),
    counted(facts.announcements, "announcement"),
    ...(facts.installRoutes === 0 ? [] : [`kernel routes of ${counted(facts.installRoutes, "VNI")}`]),
  ];
  return {
    role: "client",
    text: counts.join(", "),
    facts,
    warnings,
  };
}

/** Returns the program that the file is for, by its setting `role` or else by its other settings. */
function roleOf({ path, settings }: ConfigFile): Role {
  const said = settings.find(({ name }) => name === ROLE_SETTING);
  if (said !== undefined) {
    const role = ROLES.find((one) => one === said.value);
    if (role !== undefined) return role;
    const place = { path, line: said.line };
    throw new UsageError("BAD_VALUE", `${ROLE_SETTING}: one of ${ROLES.join(", ")} is needed`, { place });
  }
  const known = (definition: CommandDefinition) => {
    const names = settingNames(definition.args);
    return settings.filter(({ name }) => names.has(name)).length;
  };
  const [byServer, byClient] = [known(serverDefinition), known(clientDefinition)];
  if (byServer !== byClient) return byServer > byClient ? "server" : "client";
  throw new UsageError("BAD_FILE", "the file does not say which program it is for", {
    hint: `write ${ROLE_SETTING}: client (or server) in it, or give client (or server) after the file`,
    place: { path, line: null },
  });
}

function errorDocument({ code, message, hint, place, value }: UsageError) {
  const { start = null, end = null } = value?.range ?? {};
  return { line: place?.line ?? null, code, message, hint, value: value?.text ?? null, start, end };
}
