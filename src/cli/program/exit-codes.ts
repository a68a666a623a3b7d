/** The exit codes of commands, besides 0 for success. */

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
