/** Values of flags that both daemons have, as far as they have a grammar of their own. */
import type { LogLevel } from "../../base/logger.ts";
import type { Endpoint } from "../../net/endpoint.ts";
import type { Pacing } from "../../transport/pacing.ts";
import { DEFAULT_HTTP_PORT } from "../../wire/protocol.ts";
import { readSocket, type SocketChoice } from "./socket-flag.ts";
import { readEndpoint, readHostNames } from "./values.ts";

/** The values of flags that both daemons have. */
export interface DaemonFlagOptions {
  /** Where HTTP is served; null if it is not. */
  readonly http: Endpoint | null;
  /** Further host names that HTTP requests may have. */
  readonly httpHosts: readonly string[];
  /** Whether metrics about single peers are reported. */
  readonly metricsPerPeer: "on" | "off";
  /** How many of the last changes are remembered. */
  readonly historyEntries: number;
  readonly keepaliveSeconds: number;
  readonly pacing: Pacing;
  /** Where the control socket is; null if there is none. */
  readonly socket: SocketChoice | null;
  /** The configuration file that some values are from; null if there is none. */
  readonly config: string | null;
  readonly verbose: boolean;
  readonly logLevel: LogLevel;
  readonly logFormat: "auto" | "text" | "json";
}

/** Returns the level of the log: --verbose is a short form of the lowest. */
export function logLevelOf({ verbose, logLevel }: Pick<DaemonFlagOptions, "verbose" | "logLevel">): LogLevel {
  return verbose ? "debug" : logLevel;
}

interface DaemonTexts {
  readonly http: string | undefined;
  readonly httpHosts: readonly string[];
  readonly socket: string | undefined;
  readonly config: string | undefined;
}

/** @throws UsageError */
export function readDaemonTexts({
  http,
  httpHosts,
  socket,
  config,
}: DaemonTexts): Pick<DaemonFlagOptions, keyof DaemonTexts> {
  return {
    http: http === undefined ? null : readEndpoint("--http", http, DEFAULT_HTTP_PORT, "listen"),
    httpHosts: readHostNames("--http-host", httpHosts),
    socket: readSocket(socket),
    config: config ?? null,
  };
}
