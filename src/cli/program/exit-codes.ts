/** The exit codes of commands: all help, the man pages and `bunbond help exit-codes` take their meanings from here. */

export const EXIT_OK = 0;
/** The command failed. */
export const EXIT_FAILED = 1;
/** The command line, or a configuration file, is wrong. */
export const EXIT_USAGE = 2;
/** The daemon has no such route, VNI, peer or server. */
export const EXIT_NOT_FOUND = 3;
/** No daemon answers. */
export const EXIT_NO_DAEMON = 4;

/** The exit codes of a CommandError. */
export type CommandExitCode = typeof EXIT_FAILED | typeof EXIT_NOT_FOUND | typeof EXIT_NO_DAEMON;

/** What an exit code means. */
export interface ExitCode {
  readonly code: number;
  readonly meaning: string;
}

/** Those that every command has. */
export const COMMON_EXIT_CODES: readonly ExitCode[] = [
  {
    code: EXIT_OK,
    meaning: "success, or stopped by SIGTERM or SIGINT, or by SIGHUP from a terminal without --config",
  },
  { code: EXIT_FAILED, meaning: "failed" },
  { code: EXIT_USAGE, meaning: "the command line or a configuration file is wrong" },
];

export const NOT_FOUND: ExitCode = {
  code: EXIT_NOT_FOUND,
  meaning: "not found: no such route, VNI, peer or server",
};

export const DAEMON_AWAY: ExitCode = { code: EXIT_NO_DAEMON, meaning: "no daemon answers" };
