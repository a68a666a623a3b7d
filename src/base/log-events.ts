/**
 * This is the catalogue of everything that servers and clients log at the levels info, warn and error. `bunbond help
 * log-events` and bunbond-log-events(7) list it.
 *
 * Each event is a constant of its own, used as `LOG.serverUnreachable` (`import * as LOG`). So an event that no code
 * logs is missing in a bundle, and a test finds it.
 */
import type { LogEvent } from "./log-event.ts";

/* Start, stop and configuration of a daemon. */

export const started = {
  level: "info",
  message: "started",
  fields: ["program", "version", "commit", "bun"],
  whatToDo: "The daemon runs.",
} as const satisfies LogEvent;

export const stopping = {
  level: "info",
  message: "stopping",
  fields: ["routes", "peers?"],
  whatToDo:
    "The daemon stops after SIGTERM, SIGINT, a SIGHUP from a terminal without `--config`, or a command.",
} as const satisfies LogEvent;

export const draining = {
  level: "info",
  message: "draining",
  fields: ["withdrawn", "forSeconds"],
  whatToDo: "The announcements are withdrawn; the client stops after `--drain`.",
} as const satisfies LogEvent;

export const serviceManagerUnreachable = {
  level: "warn",
  message: "cannot send notifications to the service manager",
  fields: ["socket"],
  whatToDo:
    "Nothing listens on the socket in the variable NOTIFY_SOCKET. Under systemd, look whether the unit has `NotifyAccess=`; elsewhere, unset the variable.",
} as const satisfies LogEvent;

export const hangupIgnored = {
  level: "info",
  message: "SIGHUP is ignored: there is no --config to read again, and no terminal",
  fields: [],
  whatToDo:
    "Nothing. A daemon without `--config` stops at SIGHUP only if it was started from a terminal: that is how a closed terminal ends its programs.",
} as const satisfies LogEvent;

export const logLevelChanged = {
  level: "info",
  message: "the log level has changed",
  fields: ["from", "to", "by"],
  whatToDo: "Nothing. `by` says what changed it: `bunbond log`, or SIGUSR1, which switches debug on and off.",
} as const satisfies LogEvent;

export const hangupStops = {
  level: "info",
  message: "SIGHUP ends this process: there is no --config to read again",
  fields: [],
  whatToDo: "Without `--config`, SIGHUP stops a daemon that was started from a terminal.",
} as const satisfies LogEvent;

export const configurationUnchanged = {
  level: "info",
  message: "configuration reloaded, nothing to change",
  fields: [],
  whatToDo: "The file was read again.",
} as const satisfies LogEvent;

export const configurationReloaded = {
  level: "info",
  message: "configuration reloaded",
  fields: [] as readonly string[],
  whatToDo: "The fields say how many changes of each kind were made, or which settings.",
} as const satisfies LogEvent;

export const configurationNotReloaded = {
  level: "error",
  message: "configuration not reloaded, nothing has changed",
  fields: ["file?", "line?", "error", "value?", "hint?", "moreErrors?"],
  whatToDo: "The file is wrong, at the line that is named. The daemon goes on with the settings it had.",
} as const satisfies LogEvent;

export const settingsNeedRestart = {
  level: "warn",
  message: "changed settings that take effect at the next start",
  fields: ["settings"],
  whatToDo: "A reload does not carry these out.",
} as const satisfies LogEvent;

export const announcementImpossible = {
  level: "error",
  message: "a new announcement of the configuration cannot be made",
  fields: ["file?", "line?", "error", "value?", "hint?", "moreErrors?"],
  whatToDo:
    "No memory is left for it (`TABLE_FULL`): give the process more (`MemoryMax=`, `ulimit -v`). Then restart it; or take the announcement out of the file and reload, and put it in again and reload once more.",
} as const satisfies LogEvent;

export const optionWarning = {
  level: "warn",
  message: "an option or setting has an unexpected effect",
  fields: ["problem"],
  whatToDo:
    "The daemon has accepted it. `problem` says what happens; change the option if that is not wanted.",
} as const satisfies LogEvent;

export const addressSpaceLimited = {
  level: "warn",
  message:
    "the address space is limited, and Bun may be slow or crash: remove LimitAS= (ulimit -v), and limit memory by MemoryMax=",
  fields: ["limitMib", "leastMib"],
  whatToDo:
    "Below some 2.3 GB Bun runs without its compiler and needs four times the CPU or more. At some limits it crashes before BunBond can log anything: then Bun's own banner is all there is.",
} as const satisfies LogEvent;

export const outputLost = {
  level: "error",
  message: "changes can no longer be printed; the client continues",
  fields: ["reason"],
  whatToDo: "Writing to stdout fails, as on a full disk. Routes are not affected.",
} as const satisfies LogEvent;

export const logLinesLost = {
  level: "warn",
  message: "log lines are lost: the log's reader is too slow",
  fields: ["lostLines"],
  whatToDo:
    "What reads stderr (journald, a pipe, a terminal) did not take `lostLines` lines. Nothing else is affected.",
} as const satisfies LogEvent;

/* Control socket and HTTP. */

export const controlSocketOpen = {
  level: "info",
  message: "control socket open",
  fields: ["path"],
  whatToDo: "Commands such as `bunbond status` reach the daemon at `path`.",
} as const satisfies LogEvent;

export const defaultSocketTaken = {
  level: "info",
  message: "another daemon has the default control socket",
  fields: ["taken", "path"],
  whatToDo: "This daemon uses the socket at `path`; commands find it by `--socket`.",
} as const satisfies LogEvent;

export const noControlSocket = {
  level: "warn",
  message: "no control socket: 'bunbond status' and similar commands cannot reach this daemon",
  fields: ["reason"],
  whatToDo: "The default directory cannot be made: set `--socket`.",
} as const satisfies LogEvent;

export const controlRequestFailed = {
  level: "error",
  message: "a control request failed",
  fields: ["error"],
  whatToDo: "A fault in BunBond: please report it.",
} as const satisfies LogEvent;

export const changedByCommand = {
  level: "info",
  message: "changed by command",
  fields: ["change", "count", "first"],
  whatToDo: "A command, and not the configuration, changed announcements or subscriptions.",
} as const satisfies LogEvent;

export const resetByCommand = {
  level: "info",
  message: "reset by command",
  fields: ["server"],
  whatToDo: "`bunbond peer reset` closed the connection to this server; the client connects again.",
} as const satisfies LogEvent;

export const drainByCommand = {
  level: "info",
  message: "drain by command",
  fields: ["outcome", "announcements"],
  whatToDo: "`bunbond client drain` was called.",
} as const satisfies LogEvent;

export const servingHttp = {
  level: "info",
  message: "serving HTTP",
  fields: ["address"],
  whatToDo: "The HTTP endpoint is open.",
} as const satisfies LogEvent;

export const httpConnectionsClosed = {
  level: "warn",
  message: "HTTP connections are closed: there are too many",
  fields: ["address", "connections"],
  whatToDo:
    "At `address`, HTTP or the control socket, there are more connections than the 48 that it may have: one that is idle, or whose reader is slow, was closed in favour of one that waited. Look for a program that opens connections and leaves them open (`ss -tnp`).",
} as const satisfies LogEvent;

export const httpReaderSlow = {
  level: "warn",
  message: "an HTTP client reads too slowly; its response is cut off",
  fields: ["address", "reader"],
  whatToDo: "It took less than 32 KB in 10 s.",
} as const satisfies LogEvent;

export const httpAnswerFailed = {
  level: "error",
  message: "an HTTP response could not be produced",
  fields: ["address", "error"],
  whatToDo: "A fault in BunBond: please report it.",
} as const satisfies LogEvent;

/* Server. */

export const listening = {
  level: "info",
  message: "listening",
  fields: ["address"],
  whatToDo: "The server accepts connections.",
} as const satisfies LogEvent;

export const peerEstablished = {
  level: "info",
  message: "peer established",
  fields: ["peer", "id", "keepaliveSeconds", "isServer"],
  whatToDo: "A client, or a server that connected to this one, has completed its handshake.",
} as const satisfies LogEvent;

export const repeatedHello = {
  level: "info",
  message: "peer sent another HELLO, which is answered",
  fields: ["peer", "id"],
  whatToDo: "The Go client does so. The server writes to this peer in small steps from now on.",
} as const satisfies LogEvent;

export const peerLeft = {
  level: "info",
  message: "peer disconnected, its routes are withdrawn",
  fields: ["peer", "id", "reason", "routes"],
  whatToDo: "A client ended its connection, or a command reset it; `routes` of its routes are withdrawn.",
} as const satisfies LogEvent;

export const peerLost = {
  level: "warn",
  message: "peer disconnected, its routes are withdrawn",
  fields: ["peer", "id", "reason", "routes"],
  whatToDo: "The connection failed, as `reason` says; `routes` of its routes are withdrawn.",
} as const satisfies LogEvent;

export const peerLeftRetained = {
  level: "info",
  message: "peer disconnected, its routes are retained",
  fields: ["peer", "id", "reason", "routes", "forSeconds"],
  whatToDo:
    "A client ended its connection. The routes are withdrawn after `forSeconds` (`--retain`), unless the client returns before that.",
} as const satisfies LogEvent;

export const peerLostRetained = {
  level: "warn",
  message: "peer disconnected, its routes are retained",
  fields: ["peer", "id", "reason", "routes", "forSeconds"],
  whatToDo:
    "The connection failed, as `reason` says. The routes are withdrawn after `forSeconds` (`--retain`), unless the client returns before that.",
} as const satisfies LogEvent;

export const retainedWithdrawn = {
  level: "warn",
  message: "retained routes are withdrawn: they were not announced again in time",
  fields: ["peer", "id", "routes"],
  whatToDo: "The client did not return: look after that hypervisor.",
} as const satisfies LogEvent;

export const handshakeFailed = {
  level: "warn",
  message: "connection refused or lost before its handshake was complete",
  fields: ["peer", "id", "reason", "routes"],
  whatToDo: "Something that is not a MetalBond client, or a faulty one, connected.",
} as const satisfies LogEvent;

export const peerUpdateSkipped = {
  level: "warn",
  message: "update skipped; more of this kind from this peer are only counted",
  fields: ["peer", "id", "code"],
  whatToDo:
    "A client sent an update that is not a valid route; `code` says why (`bunbond help protocol-errors`). Look for the hypervisor that announces it.",
} as const satisfies LogEvent;

export const peerAtLimit = {
  level: "warn",
  message: "limit reached: messages are skipped; more of this kind from this peer are only counted",
  fields: ["peer", "id", "code"],
  whatToDo:
    "`code` names the limit: the flag of that name (`TOO_MANY_ROUTES`: `--max-routes`), or `TABLE_FULL`: the server has no number for another prefix (16.7 million of each family), or all tables together take half of the memory that it may have (`MemoryMax=` of the unit, or the machine's); the last quarter of both is reserved for peers that have few routes. Look at what that peer announces; `bunbond peers` shows it under `LIMITS MET`.",
} as const satisfies LogEvent;

export const descriptorLimit = {
  level: "warn",
  message: "connections are refused: the limit of open files is reached",
  fields: ["connections", "openFilesLimit", "refused", "hint"],
  whatToDo: "Raise `LimitNOFILE=`.",
} as const satisfies LogEvent;

export const halfOpenLimit = {
  level: "warn",
  message: "connections without a handshake are reset: there are too many",
  fields: ["connections", "refused", "halfOpen", "lastPeer", "hint"],
  whatToDo:
    "More than `--max-half-open` connections send nothing, or only theirs could make room for a new one: find out where they come from.",
} as const satisfies LogEvent;

export const sourceShare = {
  level: "warn",
  message: "connections are refused: few are free, and their source has used its share",
  fields: ["connections", "refused", "lastPeer", "openFilesLimit", "hint"],
  whatToDo:
    "More than three quarters of the possible connections are open, and the address of `lastPeer` (IPv6: its /64 network) has used its share of them.",
} as const satisfies LogEvent;

export const suspended = {
  level: "warn",
  message: "this process was suspended; it waits for its clients to return",
  fields: ["forSeconds", "settleSeconds"],
  whatToDo:
    "The process did not run for that long: it got too little CPU, or the machine was suspended. Setting the clock forward gives this warning, too, and does no harm.",
} as const satisfies LogEvent;

export const mostAnnouncersLost = {
  level: "warn",
  message: "most announcers were lost at once; the server waits for them, as after a failure of its own link",
  fields: ["settleSeconds"],
  whatToDo:
    "Look at the server's network and its host. If the clients really died, their routes are withdrawn after `--settle`.",
} as const satisfies LogEvent;

export const mostAnnouncersLostAgain = {
  level: "warn",
  message: "most announcers were lost at once again; the server no longer waits for them",
  fields: [],
  whatToDo:
    "The server waits for lost announcers six times in a row, and after that once in ten minutes. Either the server's link fails all the time, or somebody connects from many addresses and disconnects in order to delay End-of-RIB and withdrawals: see where the connections come from (`ss -tn`).",
} as const satisfies LogEvent;

/* Client. */

export const serverEstablished = {
  level: "info",
  message: "server established",
  fields: ["server", "keepaliveSeconds"],
  whatToDo: "The client has completed its handshake with this server.",
} as const satisfies LogEvent;

export const serverUnreachable = {
  level: "warn",
  message: "server unreachable, retrying",
  fields: ["server", "reason", "afterSeconds", "awayForSeconds"],
  whatToDo:
    "The client has had no connection to this server for `awayForSeconds`, and tries again after `afterSeconds`. Logged once for each reason, and every five minutes.",
} as const satisfies LogEvent;

export const sameServer = {
  level: "warn",
  message: "two server addresses lead to the same server; the second connection is closed",
  fields: ["server", "sameAs"],
  whatToDo:
    "`server` leads to the same server as `sameAs`, so there is no second server to take over. Correct one of the two addresses.",
} as const satisfies LogEvent;

export const serversDisagree = {
  level: "warn",
  message: "servers disagree about the routes of a VNI",
  fields: ["vni", "routes", "servers", "lacking", "first"],
  whatToDo:
    "Of `servers`, which have all sent the whole VNI, those in `lacking` have not sent so many of its routes, which another one has sent and not withdrawn; `first` is one of them. `bunbond diff --servers` names more, `bunbond help agreement` the usual reasons. Logged once for a VNI and the servers that lack routes, until they agree.",
} as const satisfies LogEvent;

export const serversAgree = {
  level: "info",
  message: "servers agree again about the routes of a VNI",
  fields: ["vni"],
  whatToDo: "Nothing: a disagreement has ended.",
} as const satisfies LogEvent;

export const serversNotCompared = {
  level: "info",
  message: "servers that disagreed about a VNI are no longer compared",
  fields: ["vni"],
  whatToDo:
    "Fewer than two servers are established and have sent all routes of the VNI. They are compared again when there are two.",
} as const satisfies LogEvent;

export const noServerKept = {
  level: "error",
  message: "no server is established; the last known routes are kept",
  fields: ["routes", "forSeconds"],
  whatToDo:
    "The client has no server: traffic continues, and no new routes are learnt. Bring one server back.",
} as const satisfies LogEvent;

export const noServerDropped = {
  level: "error",
  message: "no server is established; the received routes are dropped",
  fields: ["routes"],
  whatToDo: "The client has no server, and `--stale-time-alone` is 0. Bring one server back.",
} as const satisfies LogEvent;

export const staleDropped = {
  level: "warn",
  message: "stale time is over: routes of a lost server are dropped unless another server has them",
  fields: ["routes"],
  whatToDo: "`--stale-time` or `--stale-time-alone` is over. Traffic to these routes ends here.",
} as const satisfies LogEvent;

export const serverUpdateSkipped = {
  level: "warn",
  message: "update skipped; more of this kind from this server are not logged",
  fields: ["server", "code"],
  whatToDo:
    "A server sent an update that is not a valid route, or with `TOO_MANY_HOPS` one more next hop of a destination than `--max-hops` allows; `code` says which. Look for the hypervisor that announces it.",
} as const satisfies LogEvent;

export const stoppedEarly = {
  level: "warn",
  message: "stopped before this server had read all changes",
  fields: ["server"],
  whatToDo:
    "A client ended before this server had read all its withdrawals. The server withdraws the rest when the connection closes, or after its `--retain`.",
} as const satisfies LogEvent;

export const clientHandlerFailed = {
  level: "error",
  message: "the handler failed; the client continues",
  fields: ["event", "error"],
  whatToDo: "Only in programs that use the library: the handler of this event threw `error`.",
} as const satisfies LogEvent;

export const serverHandlerFailed = {
  level: "error",
  message: "the handler failed; the server continues",
  fields: ["event", "error"],
  whatToDo: "Only in programs that use the library: the handler of this event threw `error`.",
} as const satisfies LogEvent;

export const changesUnread = {
  level: "warn",
  message: "a server has not read the changes that another one has read",
  fields: ["server", "state"],
  whatToDo: "Only in programs that use the library: `sent()` has resolved for the other server.",
} as const satisfies LogEvent;

export const changesDelayed = {
  level: "warn",
  message: "a server is unreachable; it gets the changes when it is back",
  fields: ["server", "state"],
  whatToDo: "Only in programs that use the library: `sent()` has resolved for the other servers.",
} as const satisfies LogEvent;

/* Kernel: tunnel device and scans. */

export const deviceUp = {
  level: "info",
  message: "the tunnel device is up",
  fields: ["device"],
  whatToDo: "Routes are installed from now on.",
} as const satisfies LogEvent;

export const deviceDown = {
  level: "error",
  message: "the tunnel device is not up; the kernel has removed its routes",
  fields: ["device", "state", "remedy"],
  whatToDo:
    "No tenant traffic leaves this host. `remedy` is the command that brings the device up, or makes it.",
} as const satisfies LogEvent;

export const deviceRecreated = {
  level: "warn",
  message: "the tunnel device was recreated",
  fields: ["device"],
  whatToDo: "Its routes are installed again.",
} as const satisfies LogEvent;

export const deviceRenamed = {
  level: "warn",
  message: "the tunnel device was renamed; its routes stay on it",
  fields: ["device", "name"],
  whatToDo: "Set `--tun` to the new name before the next start.",
} as const satisfies LogEvent;

export const deviceProblem = {
  level: "warn",
  message: "the tunnel device has a problem",
  fields: ["problem"],
  whatToDo: "`problem` says what is wrong with the device, and the command that solves it.",
} as const satisfies LogEvent;

export const deviceProblemsSolved = {
  level: "info",
  message: "the tunnel device has no problem any more",
  fields: ["device"],
  whatToDo: "After one or more `the tunnel device has a problem`.",
} as const satisfies LogEvent;

export const multipathHash = {
  level: "warn",
  message: "connections may share one of several next hops",
  fields: ["problem"],
  whatToDo:
    "`problem` says how the kernel chooses among several next hops, and the command that has it use the ports, too.",
} as const satisfies LogEvent;

export const netlinkFailed = {
  level: "warn",
  message: "netlink failed; it is tried again",
  fields: ["message"],
  whatToDo: "Routes in the kernel stay as they are in the meantime.",
} as const satisfies LogEvent;

export const kernelScanned = {
  level: "info",
  message: "kernel scanned",
  fields: ["routes", "objects", "groups"],
  whatToDo:
    "The first scan: so many routes, nexthop objects and groups of an earlier client were found and adopted.",
} as const satisfies LogEvent;

export const scanIncomplete = {
  level: "warn",
  message:
    "the scan is incomplete: a route or group of another program is too large for a dump; ours are read separately, and unneeded nexthops are kept",
  fields: [],
  whatToDo:
    "There is a route of more than 340 next hops, or a group of more than 4,000. Our routes are right in the meantime.",
} as const satisfies LogEvent;

export const scanComplete = {
  level: "info",
  message: "the scan is complete again",
  fields: [],
  whatToDo: "After `the scan is incomplete`.",
} as const satisfies LogEvent;

export const routesRemoved = {
  level: "info",
  message: "kernel routes removed",
  fields: ["routes", "nexthops"],
  whatToDo: "The routes of this client were removed from the kernel.",
} as const satisfies LogEvent;

export const routesStay = {
  level: "info",
  message: "routes stay in the kernel; 'bunbond cleanup' removes them",
  fields: ["routes"],
  whatToDo: "The client ended without `--cleanup`.",
} as const satisfies LogEvent;

export const routesNotRemoved = {
  level: "error",
  message: "the routes could not be removed from the kernel; run 'bunbond cleanup'",
  fields: ["reason"],
  whatToDo: "At the end of a client with `--cleanup`.",
} as const satisfies LogEvent;

/* Kernel: routes and nexthops. */

export const kernelRefused = {
  level: "warn",
  message: "the kernel refused an operation; it is tried again",
  fields: ["operation", "code", "message", "inTheWay?", "show"],
  whatToDo:
    "The line has the kernel's error, and in `show` the command that lists what is there; `bunbond status` lists what is not installed.",
} as const satisfies LogEvent;

export const foreignInTheWay = {
  level: "warn",
  message: "an object of another program is in the way; it is not changed",
  fields: ["operation", "code", "message", "inTheWay?", "show"],
  whatToDo:
    "A route or a nexthop of another program is where ours belongs: `inTheWay` is what was found there, and the command in `show` lists what is there now. Ours is installed when the other one is removed.",
} as const satisfies LogEvent;

export const unrepairable = {
  level: "warn",
  message: "a destination cannot be repaired",
  fields: ["table", "destination", "message", "show"],
  whatToDo: "The line has the kernel's error; `bunbond status` lists what is not installed.",
} as const satisfies LogEvent;

export const notRemoved = {
  level: "warn",
  message: "a route or nexthop cannot be removed",
  fields: ["operation", "message", "show"],
  whatToDo: "The kernel refuses to delete a route or nexthop; the line has the kernel's error.",
} as const satisfies LogEvent;

export const ambiguous = {
  level: "warn",
  message: "another program has a route with the same metric as one of ours; it is not changed",
  fields: ["table", "destination", "foreign", "show"],
  whatToDo: "Two programs have made a route to one destination: the kernel may use either.",
} as const satisfies LogEvent;

export const routeDeleted = {
  level: "warn",
  message: "one of our routes was deleted by another program; it will be restored",
  fields: ["table", "destination"],
  whatToDo: "Another program manages the same table.",
} as const satisfies LogEvent;

export const routeReplaced = {
  level: "warn",
  message: "one of our routes was replaced by another program",
  fields: ["table", "destination", "by"],
  whatToDo:
    "Another program manages the same table. If the route belongs to that program now, it is not touched, and ours waits.",
} as const satisfies LogEvent;

export const nexthopDeleted = {
  level: "warn",
  message: "one of our nexthops was deleted by another program; its routes will be restored",
  fields: ["id", "routes"],
  whatToDo: "Another program removes nexthops: systemd-networkd does so without `ManageForeignNextHops=no`.",
} as const satisfies LogEvent;

export const nexthopChanged = {
  level: "warn",
  message: "one of our nexthops was changed by another program; its routes will use a new one",
  fields: ["id", "routes"],
  whatToDo: "Another program changes nexthops. A nexthop that belongs to that program now is not changed.",
} as const satisfies LogEvent;

export const nexthopForeign = {
  level: "warn",
  message: "some of our routes use a foreign nexthop; they will use a new one",
  fields: ["id", "show"],
  whatToDo: "The same, found by a scan, or at the start.",
} as const satisfies LogEvent;

export const foughtOver = {
  level: "warn",
  message: "another program removes our routes again and again; they are restored less often",
  fields: ["table", "destination"],
  whatToDo:
    "More than 60 times in a minute. `bunbond status` names the routes, `ip monitor route nexthop` shows when they go.",
} as const satisfies LogEvent;

export const drift = {
  level: "warn",
  message: "the kernel's routes had drifted; ours will be repaired",
  fields: [
    "reason",
    "routeMissing?",
    "routeChanged?",
    "routeExtra?",
    "nexthopMissing?",
    "nexthopChanged?",
    "nexthopExtra?",
  ],
  whatToDo:
    "Another program changed them; found by a scan. What cannot be repaired is logged on a line of its own.",
} as const satisfies LogEvent;

export const hopSkipped = {
  level: "warn",
  message: "a next hop is not installed",
  fields: ["nextHop", "reason", "destination"],
  whatToDo:
    "`reason` says why, as in `SKIPPED` of `bunbond status`. Look for the hypervisor that announces it.",
} as const satisfies LogEvent;

export const destinationCovers = {
  level: "warn",
  message:
    "a destination is not installed in the host's own table: the host could not reach that next hop or server",
  fields: ["table", "destination", "address"],
  whatToDo:
    "The destination contains the `address` of a next hop or a server: the host's own packets to it would be sent into the tunnel.",
} as const satisfies LogEvent;

export const destinationRefused = {
  level: "warn",
  message: "destinations that no tenant can have are not installed; only the first of a kind is logged",
  fields: ["reason", "table", "destination"],
  whatToDo:
    "`reason` names the kind, as in `SKIPPED` of `bunbond status`. Look for the hypervisor that announces them.",
} as const satisfies LogEvent;

export const destinationShadowed = {
  level: "warn",
  message: "several VNIs of a table have the same destination; the VNI that is mapped first is used",
  fields: ["table", "destination", "winner?"],
  whatToDo: "The other VNIs' routes to it are not in the kernel (`SHADOWED`).",
} as const satisfies LogEvent;

export const tooManyHops = {
  level: "warn",
  message: "a destination has more next hops than a group can hold",
  fields: ["table", "destination", "leftOut"],
  whatToDo: "256 of them are used; `leftOut` are not.",
} as const satisfies LogEvent;

export const memoryRefused = {
  level: "error",
  message: "out of memory for a route: it is not installed, or its state is unknown",
  fields: ["destination", "remedy"],
  whatToDo:
    "No memory is left for a received route; `bunbond status` counts such routes. Give the process more (`MemoryMax=`, `ulimit -v`).",
} as const satisfies LogEvent;

export const nexthopPinned = {
  level: "warn",
  message: "one of our nexthops is kept, because foreign routes or groups use it",
  fields: ["id", "show"],
  whatToDo: "It is deleted when those routes and groups are.",
} as const satisfies LogEvent;

export const nexthopsPinned = {
  level: "warn",
  message: "nexthops are kept, because foreign routes use them",
  fields: ["nexthops"],
  whatToDo: "The same, at a cleanup: they are deleted by `bunbond cleanup` when those routes and groups are.",
} as const satisfies LogEvent;
