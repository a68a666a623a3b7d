/**
 * The units of the daemons. They run as a user of their own without any rights but those that are needed:
 *
 *     bunbond-server.service     none
 *     bunbond-client.service     CAP_NET_ADMIN, if it installs routes in the kernel
 *
 * Two usual lines are missing on purpose. MemoryDenyWriteExecute= would leave Bun without its compiler, and so without calls of the
 * libc. PrivateUsers= would make CAP_NET_ADMIN void for the host's network.
 */
import { unitCommandLine, unitText } from "./command-line.ts";
import { type ServiceFile, sectionsText } from "./service-file.ts";

/** Where an administrator's units are, and those of packages. */
export type UnitDirectory = "/etc/systemd/system" | "/usr/lib/systemd/system";

export interface ServiceUnit {
  readonly program: "server" | "client";
  /** The absolute path of the executable. */
  readonly executable: string;
  /** The flags of the daemon. */
  readonly args: readonly string[];
  /** The capabilities that it needs. */
  readonly capabilities: readonly ("CAP_NET_ADMIN" | "CAP_NET_BIND_SERVICE")[];
  /** Its listening socket is opened by a socket unit. */
  readonly hasSocketUnit: boolean;
  /** Units to start before it, beside the network. */
  readonly after: readonly string[];
  /** Without this file the unit is skipped; null if it needs none. */
  readonly conditionPath: string | null;
  readonly directory: UnitDirectory;
}

/** systemd's own hard limit of open files. Each connection takes one. */
const OPEN_FILES = 524_288;

export function serviceUnit(unit: ServiceUnit): ServiceFile {
  const { program, directory, after, conditionPath, hasSocketUnit } = unit;
  const units = ["network-online.target", ...after].join(" ");
  return {
    path: `${directory}/bunbond-${program}.service`,
    text: sectionsText([
      [
        "Unit",
        [
          `Description=BunBond ${program}`,
          `Documentation=man:bunbond-${program}(1)`,
          `Wants=${units}`,
          `After=${units}`,
          ...(hasSocketUnit ? [`Requires=bunbond-${program}.socket`] : []),
          ...(conditionPath === null ? [] : [`ConditionPathExists=${conditionPath}`]),
          "# It is started again for ever.",
          "StartLimitIntervalSec=0",
        ],
      ],
      ["Service", [...processLines(unit), ...hardening(unit)]],
      ["Install", ["WantedBy=multi-user.target"]],
    ]),
  };
}

/** The length of the accept queue: thousands connect at once after an outage. */
const BACKLOG = 4096;

/** Returns the unit of a server's socket: connections that are made while the server restarts wait in it. */
export function socketUnit(listenText: string, directory: UnitDirectory): ServiceFile {
  return {
    path: `${directory}/bunbond-server.socket`,
    text: sectionsText([
      [
        "Unit",
        ["Description=Listening socket of the BunBond server", "Documentation=man:bunbond-service(7)"],
      ],
      [
        "Socket",
        [`ListenStream=${unitText(listenText)}`, "BindIPv6Only=both", `Backlog=${BACKLOG}`, "NoDelay=yes"],
      ],
      ["Install", ["WantedBy=sockets.target"]],
    ]),
  };
}

function processLines({ program, executable, args }: ServiceUnit): string[] {
  return [
    "Type=notify",
    `ExecStart=${unitCommandLine([executable, program, ...args])}`,
    // The shell's kill: a small host has no other.
    `ExecReload=sh -c "kill -HUP $$MAINPID"`,
    ...(program === "client"
      ? [
          "# Changes of routes by the million would fill the journal; bunbond history and bunbond watch show them.",
          "StandardOutput=null",
        ]
      : []),
    "WatchdogSec=30",
    "Restart=always",
    "RestartSec=1",
    "# A wrong command line or configuration file does not become right by itself.",
    "RestartPreventExitStatus=2",
    `LimitNOFILE=${OPEN_FILES}`,
  ];
}

function hardening({ capabilities }: ServiceUnit): string[] {
  const capabilityList = capabilities.join(" ");
  return [
    "# Server and client are one user, which has the directory of the control sockets.",
    "DynamicUser=yes",
    "User=bunbond",
    "RuntimeDirectory=bunbond",
    "RuntimeDirectoryPreserve=yes",
    "WorkingDirectory=/",
    "UMask=0077",
    "UnsetEnvironment=BUN_OPTIONS BUN_BE_BUN NODE_TLS_REJECT_UNAUTHORIZED",
    `CapabilityBoundingSet=${capabilityList}`,
    `AmbientCapabilities=${capabilityList}`,
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "PrivateMounts=yes",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "ProtectProc=invisible",
    "LockPersonality=yes",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallFilter=~@privileged @resources",
    "SystemCallErrorNumber=EPERM",
  ];
}
