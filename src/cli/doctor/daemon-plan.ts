/** Makes the plan of a daemon from its flags, or from the status of one that runs. */
import type { ClientStatus, ServerStatus } from "../../http/control/api.ts";
import { type Endpoint, parseEndpoint } from "../../net/endpoint.ts";
import type { DaemonPlan, RunningDaemon } from "../../tools/doctor/facts.ts";
import { DEFAULT_PORT } from "../../wire/protocol.ts";
import type { ClientConfig } from "../daemon/client-command.ts";
import type { ServerConfig } from "../daemon/server-command.ts";

export function clientPlan({
  servers,
  http,
  installRoutes,
  tunnelDevice,
  routeProtocol,
  ecmp,
  ipv4Only,
}: ClientConfig): DaemonPlan {
  return {
    program: "client",
    from: "flags",
    pid: null,
    servers,
    listen: http === null ? [] : [http],
    kernel:
      installRoutes.length === 0
        ? null
        : {
            device: tunnelDevice,
            routeProtocol,
            tables: [...new Set(installRoutes.map(({ table }) => table))],
            isResilient: ecmp === "resilient",
            isIpv4Only: ipv4Only,
          },
  };
}

export function serverPlan({ listen, http }: ServerConfig): DaemonPlan {
  return {
    program: "server",
    from: "flags",
    pid: null,
    servers: [],
    listen: http === null ? [listen] : [listen, http],
    kernel: null,
  };
}

export function planOfStatus(status: ClientStatus | ServerStatus, from: string): DaemonPlan {
  const { pid } = status;
  if (status.program === "server") {
    return { program: "server", from, pid, servers: [], listen: endpoints([status.listen]), kernel: null };
  }
  const { servers, kernel } = status;
  return {
    program: "client",
    from,
    pid,
    servers: endpoints(servers.map(({ server }) => server)),
    listen: [],
    kernel: kernel && {
      device: kernel.device,
      routeProtocol: kernel.routeProtocol,
      tables: [...new Set(kernel.tables.filter(({ vnis }) => vnis.length > 0).map(({ table }) => table))],
      isResilient: kernel.ecmp === "resilient",
      isIpv4Only: kernel.tables.every(
        ({ family, skipped }) => family === "ipv4" || "ipv6Destination" in skipped,
      ),
    },
  };
}

export function runningDaemon(status: ClientStatus | ServerStatus): RunningDaemon {
  const { program, pid } = status;
  return {
    program,
    pid,
    listen: status.program === "server" ? status.listen : null,
    routeProtocol:
      status.program === "client" && status.kernel?.dryRun === false ? status.kernel.routeProtocol : null,
  };
}

function endpoints(texts: readonly string[]): Endpoint[] {
  return texts.flatMap((text) => {
    const endpoint = parseEndpoint(text, DEFAULT_PORT);
    return "code" in endpoint ? [] : [endpoint];
  });
}
