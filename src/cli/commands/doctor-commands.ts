/**
 * `bunbond doctor` checks whether the host has what a daemon needs: for the daemons that run, or, with the flags of one after
 * `doctor client` or `doctor server`, for one that is to run.
 */
import type { ClientStatus, ServerStatus } from "../../http/control/api.ts";
import { CLIENT_DAEMON_OPTIONS } from "../../options/client-options.ts";
import { SERVER_OPTIONS } from "../../options/server-options.ts";
import { findingsOf } from "../../tools/doctor/checks.ts";
import type { DaemonPlan, Finding, FindingState } from "../../tools/doctor/facts.ts";
import { readOptions } from "../config/config-options.ts";
import { parseClientOptions } from "../daemon/client-command.ts";
import { parseServerOptions } from "../daemon/server-command.ts";
import { clientPlan, planOfStatus, runningDaemon, serverPlan } from "../doctor/daemon-plan.ts";
import { gatherFacts } from "../doctor/gather-facts.ts";
import { flagsOf } from "../flags/option-flags.ts";
import { socketNamed } from "../flags/socket-flag.ts";
import type { Command, CommandContext } from "../program/command.ts";
import type { CommandDefinition, FlagDefs } from "../program/command-definition.ts";
import { CommandError } from "../program/command-error.ts";
import { DAEMON_AWAY, EXIT_FAILED, EXIT_NO_DAEMON, EXIT_OK } from "../program/exit-codes.ts";
import { givenFlags, parseFlags } from "../program/flags.ts";
import { outputFlags, printObject, readOutput, type View } from "../program/output-format.ts";
import { ControlClient } from "./control-client.ts";
import { controlFlags, socketsIn } from "./control-flags.ts";

/** What is found about one daemon. */
export interface DoctorReport {
  readonly program: "client" | "server";
  /** "flags", or the path of the daemon's control socket. */
  readonly from: string;
  readonly findings: readonly Finding[];
}

export interface DoctorAnswer {
  readonly reports: readonly DoctorReport[];
  /** How many findings there are of each state. */
  readonly counts: Readonly<Record<FindingState, number>>;
}

/** A finding is a line, never cut: it ends with what to do. */
const DOCTOR_VIEW: View<DoctorAnswer> = {
  text: ({ reports, counts }) => {
    const lines = reports.flatMap(({ program, from, findings }) => {
      const width = Math.max(0, ...findings.map(({ check }) => check.length));
      const title = from === "flags" ? `a ${program} with these flags:` : `the ${program} at ${from}:`;
      return [
        title,
        ...findings.map(({ state, check, text }) => `${state.padEnd(4)}  ${check.padEnd(width)}  ${text}`),
        "",
      ];
    });
    return `${lines.join("\n")}\n${counts.ok} ok, ${counts.warn} warn, ${counts.fail} fail\n`;
  },
  rows: ({ reports }) =>
    reports.flatMap(({ program, from, findings }) =>
      findings.map((finding) => ({ program, from, ...finding })),
    ),
};

const definition = {
  meta: {
    name: "doctor",
    description:
      "Check whether this host has what the daemons need that run here: kernel, tunnel device, settings, names, servers, ports. Each line is ok, or says what to do. The exit code is 1 if something fails. Nothing is changed. For a daemon that does not run yet: bunbond doctor client, bunbond doctor server.",
  },
  args: controlFlags(null),
} satisfies CommandDefinition;

const clientDoctor = {
  meta: {
    name: "doctor client",
    description:
      "Check whether this host has what a client with these flags needs, before it is started. The flags, and --config, are those of bunbond client.",
  },
  args: { ...flagsOf(CLIENT_DAEMON_OPTIONS), ...outputFlags },
} satisfies CommandDefinition;

const serverDoctor = {
  meta: {
    name: "doctor server",
    description:
      "Check whether this host has what a server with these flags needs, before it is started. The flags, and --config, are those of bunbond server.",
  },
  args: { ...flagsOf(SERVER_OPTIONS), ...outputFlags },
} satisfies CommandDefinition;

/** Returns the commands. `directories` are where the default sockets are. */
export function doctorCommands(directories: readonly string[]): Command[] {
  return [
    {
      definition,
      topics: ["kernel", "operations", "troubleshooting", "output"],
      examples: [{ comment: "Is everything right for the daemons of this host?", line: "bunbond doctor" }],
      exitCodes: [DAEMON_AWAY],
      async run(context) {
        const flags = parseFlags(definition.args, context.rawArgs);
        const paths =
          flags.socket === undefined
            ? await socketsIn(directories, null)
            : [socketNamed(flags.socket, directories)];
        if (paths.length === 0) throw noDaemon();
        const statuses = await Promise.all(paths.map((path) => statusAt(path)));
        const plans = statuses.map((status, i) => planOfStatus(status, paths[i] ?? ""));
        return await examine(context, plans, statuses, flags);
      },
    },
    {
      definition: clientDoctor,
      topics: ["kernel", "config", "operations"],
      examples: [
        {
          comment: "Before a client starts",
          line: "bunbond doctor client -s 2001:db8::10 --install-routes 100#100 --tun overlay",
        },
      ],
      async run(context) {
        const { args } = clientDoctor;
        const options = await readOptions(clientDoctor, context.rawArgs, (rawArgs, fromFile) =>
          parseClientOptions(rawArgs, fromFile, args),
        );
        const flags = outputOf(args, context.rawArgs);
        return await examine(context, [clientPlan(options)], await statusesIn(directories), flags);
      },
    },
    {
      definition: serverDoctor,
      topics: ["config", "limits", "operations"],
      examples: [{ comment: "Before a server starts", line: "bunbond doctor server --listen '[::]:4711'" }],
      async run(context) {
        const { args } = serverDoctor;
        const options = await readOptions(serverDoctor, context.rawArgs, (rawArgs, fromFile) =>
          parseServerOptions(rawArgs, fromFile, args),
        );
        const flags = outputOf(args, context.rawArgs);
        return await examine(context, [serverPlan(options)], await statusesIn(directories), flags);
      },
    },
  ];
}

/** The form of the answer. `json` in a configuration file is the daemon's. */
function outputOf(args: FlagDefs, rawArgs: readonly string[]): { output: string; json: boolean } {
  const given = givenFlags(args, rawArgs);
  const output = given.get("output");
  return {
    output: typeof output === "string" ? output : outputFlags.output.default,
    json: given.get("json") === true,
  };
}

type Status = ClientStatus | ServerStatus;

async function examine(
  { io }: CommandContext,
  plans: readonly DaemonPlan[],
  statuses: readonly Status[],
  flags: { readonly output: string; readonly json: boolean },
): Promise<number> {
  const format = readOutput(flags);
  const daemons = statuses.map(runningDaemon);
  const reports: DoctorReport[] = [];
  for (const plan of plans) {
    const { program, from } = plan;
    reports.push({ program, from, findings: findingsOf(await gatherFacts(plan, daemons), plan) });
  }
  const counts = { ok: 0, warn: 0, fail: 0 };
  for (const { findings } of reports) for (const { state } of findings) counts[state]++;
  printObject(io, { reports, counts }, DOCTOR_VIEW, format);
  return counts.fail === 0 ? EXIT_OK : EXIT_FAILED;
}

function statusAt(socketPath: string): Promise<Status> {
  return new ControlClient({ socketPath, program: null }).call("/v1/status", null);
}

/** Resolves to the statuses of the daemons that answer. */
async function statusesIn(directories: readonly string[]): Promise<Status[]> {
  const answers = await Promise.allSettled(
    (await socketsIn(directories, null)).map((path) => statusAt(path)),
  );
  return answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
}

function noDaemon(): CommandError {
  const message =
    "no daemon answers here; for one that is to run, give its flags: bunbond doctor client --server HOST, or bunbond doctor server";
  return new CommandError(message, { code: "DAEMON_AWAY", exitCode: EXIT_NO_DAEMON });
}
