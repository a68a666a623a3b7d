/** Flags that both daemons have. */
import type { Endpoint } from "../../net/endpoint.ts";
import type { Pacing } from "../../transport/pacing.ts";
import type { FlagValues } from "../program/flags.ts";
import {
  type configFlag,
  type httpFlag,
  type httpHostFlag,
  type keepaliveFlag,
  type pacingFlag,
  readHttp,
  readKeepalive,
  readPacing,
  type verboseFlag,
} from "./shared-flags.ts";
import { readSocket, type SocketChoice, type socketFlag } from "./socket-flag.ts";
import { readHostNames } from "./values.ts";

/** The values of flags that both daemons have. */
export interface DaemonFlagOptions {
  /** Where HTTP is served; null if it is not. */
  readonly http: Endpoint | null;
  /** Further host names that HTTP requests may have. */
  readonly httpHosts: readonly string[];
  readonly keepaliveSeconds: number;
  readonly pacing: Pacing;
  /** Where the control socket is; null if there is none. */
  readonly socket: SocketChoice | null;
  /** The configuration file that some values are from; null if there is none. */
  readonly config: string | null;
  readonly verbose: boolean;
}

/** @throws UsageError */
export function readDaemonFlags(
  flags: FlagValues<{
    http: typeof httpFlag;
    "http-host": typeof httpHostFlag;
    keepalive: typeof keepaliveFlag;
    pacing: ReturnType<typeof pacingFlag>;
    socket: ReturnType<typeof socketFlag>;
    config: typeof configFlag;
    verbose: typeof verboseFlag;
  }>,
): DaemonFlagOptions {
  return {
    http: readHttp(flags.http),
    httpHosts: readHostNames("--http-host", flags["http-host"]),
    keepaliveSeconds: readKeepalive(flags.keepalive),
    pacing: readPacing(flags.pacing),
    socket: readSocket(flags.socket),
    config: flags.config ?? null,
    verbose: flags.verbose,
  };
}
