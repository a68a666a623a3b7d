/** Errors of listening, with advice for the operator. The same advice holds for MetalBond and HTTP. */
import { systemErrorCode, systemErrorText } from "../base/system-error.ts";
import { type Endpoint, formatEndpoint, hasHostName } from "../net/endpoint.ts";
import { ListenError } from "./network.ts";

/** By the system's code. */
const ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is in use: stop the other program (ss -ltnp shows it) or choose another port",
  EADDRNOTAVAIL: "not an address of this machine (ip address shows those it has)",
  EACCES: "no permission: ports below 1024 need CAP_NET_BIND_SERVICE",
  EINVAL: "a link-local address needs the name of its interface, as in [fe80::1%eth0]:4711",
  ENOTFOUND: "the name leads to no address of this machine",
};

/** `purpose` follows "cannot": a server listens on two addresses, and either can fail. */
export function listenError(
  endpoint: Endpoint,
  error: unknown,
  purpose: "listen" | "serve HTTP" = "listen",
): ListenError {
  const code = systemErrorCode(error) ?? codeWithout(endpoint);
  const reason = ADVICE[code] ?? systemErrorText(error);
  return new ListenError(code, endpoint, `cannot ${purpose} on ${formatEndpoint(endpoint)}: ${reason}`);
}

/** Bun.listen gives no code if a name cannot be resolved. */
function codeWithout(endpoint: Endpoint): string {
  return hasHostName(endpoint) ? "ENOTFOUND" : "EUNKNOWN";
}
