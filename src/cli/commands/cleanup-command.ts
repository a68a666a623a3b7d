/** `bunbond cleanup` removes a client's routes from the kernel when that client does not run. */

import { dryRunKernel } from "../../kernel/dry-run-kernel.ts";
import { formatOperation } from "../../kernel/format-operation.ts";
import { KernelError } from "../../kernel/kernel.ts";
import { lockProtocol } from "../../kernel/lock.ts";
import { NetlinkKernel } from "../../kernel/netlink/netlink-kernel.ts";
import { type CleanupResult, cleanUp } from "../../kernel/reconcile/cleanup.ts";
import { KERNEL_OPTIONS } from "../../options/kernel-options.ts";
import { SystemClock } from "../../transport/schedule/system-clock.ts";
import { kernelOptionNames, readTables } from "../flags/kernel-flags.ts";
import { flagFor, readCount } from "../flags/option-flags.ts";
import type { Command, CommandContext } from "../program/command.ts";
import type { CommandDefinition } from "../program/command-definition.ts";
import { CommandError } from "../program/command-error.ts";
import { EXIT_FAILED, EXIT_OK } from "../program/exit-codes.ts";
import { parseFlags } from "../program/flags.ts";
import { isForPeople, outputFlags, printObject, readOutput } from "../program/output-format.ts";

const definition = {
  meta: {
    name: "cleanup",
    description:
      "Remove everything from the kernel that a client with this protocol number has installed: its routes in all tables, and its nexthop objects. The command is refused while that client runs: use its --cleanup. Routes of other programs are never touched.",
  },
  args: {
    "route-protocol": {
      ...flagFor(KERNEL_OPTIONS.routeProtocol),
      description: "The client's --route-protocol.",
    },
    table: {
      type: "string",
      repeatable: true,
      valueHint: "TABLE",
      example: "100",
      description:
        "In this table, also remove routes with this protocol number that BunBond did not install. metalbond's and rustbond's clients leave such routes.",
    },
    "dry-run": {
      type: "boolean",
      description: "Change nothing: print the changes as ip commands.",
    },
    ...outputFlags,
  },
} satisfies CommandDefinition;

export const cleanupCommand: Command = {
  definition,
  topics: ["kernel"],
  examples: [
    { comment: "Before another program takes over this hypervisor", line: "bunbond cleanup" },
    { comment: "Print what it would do", line: "bunbond cleanup --dry-run" },
  ],
  run: cleanup,
};

export interface CleanupReport {
  readonly routeProtocol: number;
  readonly dryRun: boolean;
  /** How many routes were removed, or would be without a dry run. */
  readonly routes: number;
  /** The same for nexthop objects and groups. */
  readonly nexthops: number;
  /** How many nexthop objects and groups stay, since routes or groups of other programs name them. */
  readonly kept: number;
  readonly failures: readonly { readonly command: string; readonly code: string; readonly message: string }[];
  /** The ip commands that a dry run prints. */
  readonly commands: readonly string[];
}

async function cleanup({ rawArgs, io }: CommandContext): Promise<number> {
  const flags = parseFlags(definition.args, rawArgs);
  const format = readOutput(flags);
  const options = {
    protocol: readCount(KERNEL_OPTIONS.routeProtocol, flags["route-protocol"]),
    tables: readTables("--table", flags.table),
    dryRun: flags["dry-run"],
  };
  const report = await remove(options).catch((error: unknown) => {
    if (!(error instanceof KernelError)) throw error;
    throw new CommandError(messageOf(error, options.protocol), {
      code: error.code,
      exitCode: EXIT_FAILED,
    });
  });
  printObject(io, report, { text: cleanupText }, format);
  if (isForPeople(format)) {
    for (const line of complaints(report)) io.stderr.write(`bunbond cleanup: ${line}\n`);
  }
  return report.failures.length + report.kept === 0 ? EXIT_OK : EXIT_FAILED;
}

interface CleanupSettings {
  readonly protocol: number;
  readonly tables: readonly number[];
  readonly dryRun: boolean;
}

async function remove({ protocol, tables, dryRun }: CleanupSettings): Promise<CleanupReport> {
  // A dry run may run beside the client.
  const lock = dryRun ? null : lockProtocol(protocol, kernelOptionNames);
  try {
    const kernel = NetlinkKernel.open({ protocol, isReadOnly: dryRun });
    try {
      const commands: string[] = [];
      const result = await cleanUp({
        kernel: dryRun ? dryRunKernel(kernel, protocol, "", (command) => commands.push(command)) : kernel,
        protocol,
        tables,
        clock: new SystemClock(),
      });
      return reportOf(result, { routeProtocol: protocol, dryRun, commands });
    } finally {
      kernel.close();
    }
  } finally {
    lock?.release();
  }
}

function reportOf(
  { routes, nexthops, kept, failures }: CleanupResult,
  { routeProtocol, dryRun, commands }: Pick<CleanupReport, "routeProtocol" | "dryRun" | "commands">,
): CleanupReport {
  return {
    routeProtocol,
    dryRun,
    routes,
    nexthops,
    kept,
    failures: failures.map(({ operation, code, message }) => {
      // A deletion names no device.
      return { command: formatOperation(operation, routeProtocol, ""), code, message };
    }),
    commands,
  };
}

function cleanupText({ dryRun, routes, nexthops, commands }: CleanupReport): string {
  const counts = `${counted(routes, "route")}, ${counted(nexthops, "nexthop")}`;
  const isNothing = routes + nexthops === 0;
  // The summary is a comment, so that a shell can run the whole output.
  if (dryRun)
    return [...commands, isNothing ? "# nothing to remove" : `# would remove ${counts}`, ""].join("\n");
  return isNothing ? "nothing to remove\n" : `removed: ${counts}\n`;
}

/** Returns lines about what was not removed, and why. */
function complaints({ kept, failures }: CleanupReport): string[] {
  return [
    ...failures.map(({ command, message }) => `failed: ${command}: ${message}`),
    ...(kept === 0 ? [] : [`${counted(kept, "nexthop")} kept: routes or groups of other programs use them`]),
  ];
}

function messageOf({ code, message }: KernelError, protocol: number): string {
  if (code !== "PROTOCOL_IN_USE") return message;
  return `a client that runs in this network namespace installs routes of protocol ${protocol}: stop it first; with --cleanup it removes them itself`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
