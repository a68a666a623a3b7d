import { runBench } from "./bench/run-bench.ts";
import { benchCommand } from "./commands/bench-command.ts";
import { changeCommands } from "./commands/change-commands.ts";
import { checkConfigCommand } from "./commands/check-config-command.ts";
import { cleanupCommand } from "./commands/cleanup-command.ts";
import { completionCommand } from "./commands/completion-command.ts";
import { decodeCommand } from "./commands/decode-command.ts";
import { demoCommand } from "./commands/demo-command.ts";
import { diffCommand } from "./commands/diff-command.ts";
import { doctorCommands } from "./commands/doctor-commands.ts";
import { drainCommand } from "./commands/drain-command.ts";
import { fibCommand } from "./commands/fib-command.ts";
import { historyCommands } from "./commands/history-commands.ts";
import { installCommands } from "./commands/install-commands.ts";
import { ipCommand } from "./commands/ip-command.ts";
import { logCommand } from "./commands/log-command.ts";
import { alertsCommand, grafanaCommand } from "./commands/monitoring-commands.ts";
import { peerCommands } from "./commands/peer-commands.ts";
import { pingCommand } from "./commands/ping-command.ts";
import { queryCommands } from "./commands/query-commands.ts";
import { statusCommand } from "./commands/status-command.ts";
import { topCommand } from "./commands/top-command.ts";
import { wiresharkCommand } from "./commands/wireshark-command.ts";
import { clientCommand } from "./daemon/client-command.ts";
import { runClient } from "./daemon/run-client.ts";
import { runServer } from "./daemon/run-server.ts";
import { serverCommand } from "./daemon/server-command.ts";
import { runDirectories } from "./flags/socket-flag.ts";
import { TOPIC_NAMES } from "./help/topics.ts";
import type { Command } from "./program/command.ts";
import { completions } from "./program/completion.ts";
import { versionCommand } from "./program/version-command.ts";

/**
 * Returns the commands that are sent to a running daemon. Without --socket they use the only daemon in `directories`.
 */
export function controlCommands(directories: readonly string[] = runDirectories()): Command[] {
  return [
    statusCommand(directories),
    ...peerCommands(directories),
    topCommand(directories),
    ...queryCommands(directories),
    ...historyCommands(directories),
    fibCommand(directories),
    diffCommand(directories),
    ...changeCommands(directories),
    drainCommand(directories),
    logCommand(directories),
  ];
}

/** The program's commands, in the order in which help shows them. */
export const commands: readonly Command[] = [
  serverCommand(runServer),
  clientCommand(runClient),
  ...controlCommands(),
  ...doctorCommands(runDirectories()),
  pingCommand(runDirectories()),
  cleanupCommand,
  checkConfigCommand,
  ...installCommands,
  ipCommand,
  decodeCommand,
  wiresharkCommand,
  alertsCommand,
  grafanaCommand,
  benchCommand(runBench),
  demoCommand,
  completionCommand(() => completions([...commands, versionCommand], TOPIC_NAMES)),
];
