/** What the checks of `bunbond doctor` are about: the daemon that runs or is to run, and the facts about its host. */
import type { Link } from "../../kernel/kernel.ts";
import type { Endpoint } from "../../net/endpoint.ts";
import type { IpAddress } from "../../net/ip.ts";

/** A daemon as its flags or its status describe it. */
export interface DaemonPlan {
  readonly program: "client" | "server";
  /** Where the plan is from: "flags", or the path of the running daemon's socket. */
  readonly from: string;
  /** Null if it does not run yet. */
  readonly pid: number | null;
  /** Of a client. */
  readonly servers: readonly Endpoint[];
  /** Where it listens, HTTP included. */
  readonly listen: readonly Endpoint[];
  /** The routes that a client puts into the kernel; null if it puts none there. */
  readonly kernel: KernelPlan | null;
}

export interface KernelPlan {
  readonly device: string;
  readonly routeProtocol: number;
  readonly tables: readonly number[];
  readonly isResilient: boolean;
  readonly isIpv4Only: boolean;
}

export interface HostFacts {
  /** As "6.1.0-18-amd64". */
  readonly kernelRelease: string;
  /** The limit of open files of the daemon, or of a process that is started here; Infinity if there is none. */
  readonly descriptorLimit: number;
  readonly clock: "synchronised" | "not-synchronised" | "unknown";
  /** The servers that are given by name. */
  readonly names: readonly NameFact[];
  /** The servers. */
  readonly connections: readonly ConnectionFact[];
  /** The plan's endpoints to listen on. */
  readonly ports: readonly PortFact[];
  /** The daemons that answer on control sockets. */
  readonly daemons: readonly RunningDaemon[];
  /** Null if no routes are put into the kernel. */
  readonly kernel: KernelFacts | null;
}

export interface NameFact {
  readonly name: string;
  readonly addresses: readonly string[];
  /** Why there are none. */
  readonly error: string | null;
}

export interface ConnectionFact {
  readonly server: Endpoint;
  /** How long the TCP handshake took; null if it failed. */
  readonly tookMs: number | null;
  readonly error: string | null;
}

export interface PortFact {
  readonly endpoint: Endpoint;
  /** The system's code, as "EADDRINUSE"; null if the port is free. */
  readonly errorCode: string | null;
}

export interface RunningDaemon {
  readonly program: "client" | "server";
  readonly pid: number;
  /** Of a server; null on a client. */
  readonly listen: string | null;
  /** The protocol of a client's kernel routes; null if it has none. */
  readonly routeProtocol: number | null;
}

export interface KernelFacts {
  /** Where libnl was found; null if it was not. */
  readonly libnlOrigin: string | null;
  /** Why work on the kernel's routes is refused: codes and messages of KernelError. */
  readonly refusals: readonly { readonly code: string; readonly message: string }[];
  readonly links: readonly Link[];
  readonly localAddresses: readonly IpAddress[];
  /** Settings by name, as "net.ipv4.ip_forward"; those that cannot be read are missing. */
  readonly settings: Readonly<Record<string, number>>;
  /** Null if they cannot be read. */
  readonly rules: readonly RuleFact[] | null;
  readonly vrfs: readonly { readonly name: string; readonly table: number }[];
  /** The devices by which tunnel packets leave, as far as it is known: those to the servers, and of the default route. */
  readonly underlayDevices: readonly string[];
  /** The texts of systemd-networkd's configuration, later ones overriding; null if it does not run. */
  readonly networkdTexts: readonly string[] | null;
  /** Whether a client of this network namespace has the lock of the route protocol. */
  readonly isProtocolLocked: boolean;
}

/** A rule of the policy database (ip-rule(8)). */
export interface RuleFact {
  readonly family: 4 | 6;
  /** Null: none, as for l3mdev. */
  readonly table: number | null;
  /** The input device that it is for; null: any. */
  readonly inputDevice: string | null;
  /** Whether it is that of VRFs. */
  readonly isVrf: boolean;
}

/** ok: as it should be. warn: it works, but not well, or it is not known. fail: it does not work; the text says what to do. */
export type FindingState = "ok" | "warn" | "fail";

export interface Finding {
  readonly check: string;
  readonly state: FindingState;
  readonly text: string;
}
