/**
 * This file makes the errors of listening, with advice for the operator. The advice is the same for MetalBond and HTTP.
 */
import { systemErrorCode, systemErrorText } from "../base/system-error.ts";
import { type Endpoint, formatEndpoint, hasHostName } from "../net/endpoint.ts";
import { ListenError } from "./network.ts";

/** What to do, by the system's code. */
const ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is in use: stop the other program (ss -ltnp shows it) or choose another port",
  EADDRNOTAVAIL: "this machine does not have the address (ip address lists those it has)",
  EACCES: "no permission: ports below 1024 need CAP_NET_BIND_SERVICE",
  EINVAL: "a link-local address needs the name of its interface, as in [fe80::1%eth0]:4711",
  ENOTFOUND: "the name is not that of an address of this machine",
};

/** Returns the error. `purpose` is named in its text, since a server listens on two addresses, and either can fail. */
export function listenError(
  endpoint: Endpoint,
  error: unknown,
  purpose: "listen" | "serve HTTP" = "listen",
): ListenError {
  const code = systemErrorCode(error) ?? codeWithout(endpoint);
  const reason = ADVICE[code] ?? systemErrorText(error);
  return new ListenError(code, endpoint, `cannot ${purpose} on ${formatEndpoint(endpoint)}: ${reason}`);
}

/** Returns a code for errors without one: Bun.listen has none if a name cannot be resolved. */
function codeWithout(endpoint: Endpoint): string {
  return hasHostName(endpoint) ? "ENOTFOUND" : "EUNKNOWN";
}
