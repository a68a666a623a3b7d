/**
 * `bunbond ping` sends ICMP echo requests to a hypervisor, or with --vni through the tunnel to a tenant's address:
 *
 *     without --vni   this host ─── underlay ─── hypervisor
 *     with --vni      the client explains the route ─▶ its table ─▶ is that what this host's packets are looked up in? ─▶ requests
 *
 * A packet of this host itself is looked up in a tenant's table only if it leaves by the VRF of that table, or if a rule for its source
 * says so. Where neither holds, the command says what it needs instead of sending packets that take another way.
 */
import type { Explanation } from "../../http/queries/api.ts";
import { formatAddress, parseAddress } from "../../net/address.ts";
import type { IpAddress } from "../../net/ip.ts";
import { IP_HEADER_BYTES } from "../../tools/ping/echo.ts";
import { IcmpSocketError } from "../../transport/icmp-socket.ts";
import { ipJson, vrfs } from "../doctor/other-programs.ts";
import { type PingResult, ping, socketRemedy } from "../doctor/pinger.ts";
import { readVni, readWholeNumber } from "../flags/values.ts";
import type { Command } from "../program/command.ts";
import type { CommandDefinition } from "../program/command-definition.ts";
import { CommandError } from "../program/command-error.ts";
import { DAEMON_AWAY, EXIT_FAILED, EXIT_NOT_FOUND, EXIT_OK, NOT_FOUND } from "../program/exit-codes.ts";
import { parseArguments } from "../program/flags.ts";
import type { View } from "../program/output-format.ts";
import { type PairRow, phrase } from "../program/table.ts";
import { UsageError } from "../program/usage-error.ts";
import { clientOf, controlFlags, print } from "./control-flags.ts";
import { vniFlag } from "./query-commands.ts";

const MAX_COUNT = 1000;
const DEFAULT_COUNT = 5;
/** RT_TABLE_MAIN: `ip route get` names no table then. */
const MAIN_TABLE = 254;

/** What a ping has found. */
export interface PingAnswer extends Omit<PingResult, "pathMtu"> {
  readonly destination: string;
  /** The way of the packets: by the underlay, or by the routes of a VNI. */
  readonly by: "underlay" | "tunnel";
  readonly vni: number | null;
  readonly table: number | null;
  readonly device: string | null;
  readonly source: string | null;
  /** The hypervisors to which the tunnel leads. */
  readonly nextHops: readonly string[];
  /** The largest packet that is answered, with its IP header. */
  readonly pathMtuBytes: number | null;
  /** True if larger packets are lost without a message of a router. */
  readonly blackHole: boolean;
  /** What remains for the tenants' packets after the tunnel's header; null through the tunnel, and for IPv4, which carries none. */
  readonly tenantMtuBytes: number | null;
  /** What to do if there was no answer; null if there was. */
  readonly hint: string | null;
}

const PING_VIEW: View<PingAnswer> = {
  sections: (answer) => [{ pairs: pairsOf(answer) }],
};

function pairsOf(answer: PingAnswer): PairRow[] {
  const { by, vni, table, nextHops, received, sent, lossPercent, minMs, avgMs, maxMs } = answer;
  return [
    { name: "destination", value: answer.destination },
    { name: "by", value: by },
    { name: "VNI", value: vni },
    { name: "table", value: table },
    { name: "next hops", value: nextHops },
    { name: "device", value: answer.device },
    { name: "source", value: answer.source },
    { name: "answers", value: phrase`${received} of ${sent}, ${lossPercent} % lost` },
    { name: "round trip", value: phrase`${minMs} least, ${avgMs} mean, ${maxMs} most, in ms` },
    { name: "path MTU", value: answer.pathMtuBytes },
    { name: "larger are lost silently", value: answer.blackHole },
    { name: "MTU for tenants", value: answer.tenantMtuBytes },
    { name: "error", value: answer.error },
    { name: "what to do", value: answer.hint },
  ];
}

const definition = {
  meta: {
    name: "ping",
    description:
      "Send ICMP echo requests to a hypervisor by the underlay, or with --vni to a tenant's address through the tunnel, and show loss, round trip and path MTU. Packets are never fragmented.",
  },
  words: {
    valueHint: "HOP|ADDRESS",
    description: "The hypervisor's address, or with --vni a tenant's.",
    example: "2001:db8::1",
  },
  args: {
    vni: {
      ...vniFlag,
      description:
        "Through the tunnel, by the route of this VNI that the running client has put into the kernel. If left out: by the underlay.",
    },
    interface: {
      type: "string",
      valueHint: "DEVICE",
      example: "tenant-100",
      description:
        "The device, or the VRF, by which packets leave. If left out: with --vni the VRF of its table, if there is one; otherwise by the routes.",
    },
    source: {
      type: "string",
      valueHint: "ADDRESS",
      example: "10.0.2.9",
      description:
        "The source of the packets, an address of this host. With --vni it must be one that the other side has a route back to.",
    },
    count: {
      type: "string",
      valueHint: "N",
      example: "5",
      default: `${DEFAULT_COUNT}`,
      description: `How many small requests are sent, 200 ms or more after each other: 1 to ${MAX_COUNT}.`,
    },
    ...controlFlags("client"),
  },
} satisfies CommandDefinition;

/** Returns the command. `directories` are where the default sockets are. */
export function pingCommand(directories: readonly string[]): Command {
  return {
    definition,
    topics: ["kernel", "troubleshooting", "output"],
    examples: [
      {
        comment: "Does the underlay carry packets of the size that tenants need?",
        line: "bunbond ping 2001:db8::1",
      },
      {
        comment: "Through the tunnel, by the VRF of VNI 100's table",
        line: "bunbond ping 10.0.1.7 --vni 100",
      },
    ],
    exitCodes: [NOT_FOUND, DAEMON_AWAY],
    async run(context) {
      const { flags, words } = parseArguments(definition, context.rawArgs);
      const destination = readIp("HOP|ADDRESS", words[0] ?? "");
      const source = flags.source === undefined ? null : readIp("--source", flags.source);
      if (source !== null && source.family !== destination.family) {
        throw new UsageError("BAD_VALUE", "--source and the destination must be of one family");
      }
      const count = readWholeNumber("--count", flags.count, 1, MAX_COUNT);
      let way: Way = { ...UNDERLAY, device: flags.interface ?? null };
      if (flags.vni !== undefined) {
        const client = await clientOf(flags, "client", directories);
        const vni = readVni("--vni", flags.vni);
        const path = `/v1/explain/${encodeURIComponent(formatAddress(destination))}?vni=${vni}`;
        way = await tunnelWay(await client.get<Explanation>(path), vni, destination, source, way.device);
      }
      const answer = await examine(destination, source, way, count);
      print(context, flags, answer, PING_VIEW);
      return answer.received > 0 ? EXIT_OK : EXIT_FAILED;
    },
  };
}

/** The way of the packets. */
interface Way {
  readonly vni: number | null;
  readonly table: number | null;
  readonly device: string | null;
  readonly nextHops: readonly string[];
}

const UNDERLAY: Way = { vni: null, table: null, device: null, nextHops: [] };

/** @throws UsageError */
function readIp(what: string, text: string): IpAddress {
  const address = parseAddress(text);
  if (address !== null) return address;
  throw new UsageError("BAD_VALUE", `${what}: ${JSON.stringify(text)} is no address`, {
    hint: "as in bunbond ping 2001:db8::1",
  });
}

/**
 * Resolves to the way through the tunnel, when packets of this host take it.
 * @throws CommandError if there is no route, or the packets would take another way
 */
async function tunnelWay(
  { summary, verdict, matches }: Explanation,
  vni: number,
  destination: IpAddress,
  source: IpAddress | null,
  device: string | null,
): Promise<Way> {
  const [match] = matches;
  if (match === undefined) {
    throw new CommandError(summary, { code: "NO_ROUTE", exitCode: EXIT_NOT_FOUND });
  }
  if (match.kernel === null) {
    const message = `the client puts no routes of VNI ${vni} into the kernel: start it with --install-routes ${vni}#TABLE`;
    throw new CommandError(message, { code: "NO_KERNEL_ROUTES", exitCode: EXIT_FAILED });
  }
  if (verdict === "not-installed" || verdict === "own") {
    throw new CommandError(summary, { code: "NOT_INSTALLED", exitCode: EXIT_FAILED });
  }
  const { table } = match.kernel;
  const vrf = (await vrfs()).find((one) => one.table === table)?.name ?? null;
  const usedDevice = device ?? vrf;
  const tableOfPackets = await tableFor(destination, source, usedDevice);
  if (tableOfPackets !== table) {
    const to = formatAddress(destination);
    const found = tableOfPackets === null ? "find no route" : `take a route of table ${tableOfPackets}`;
    const from = source === null ? "ADDRESS" : formatAddress(source);
    const rule = destination.family === 6 ? "ip -6 rule" : "ip rule";
    const message = `this host's own packets to ${to} ${found}, and not that of table ${table}: give the VRF of the table (--interface), or a source with a rule (--source ${from}, and ${rule} add from ${from} lookup ${table})`;
    throw new CommandError(message, { code: "OTHER_TABLE", exitCode: EXIT_FAILED });
  }
  const nextHops = match.nextHops.filter(({ used }) => used).map(({ address }) => address);
  return { vni, table, device: usedDevice, nextHops: [...new Set(nextHops)] };
}

/** Resolves to the table that has the route of such a packet; null if there is no route. */
async function tableFor(
  destination: IpAddress,
  source: IpAddress | null,
  device: string | null,
): Promise<number | null> {
  const from = source === null ? [] : ["from", formatAddress(source)];
  const by = device === null ? [] : ["oif", device];
  const routes = await ipJson(
    `-${destination.family}`,
    "route",
    "get",
    formatAddress(destination),
    ...from,
    ...by,
  );
  const [route] = routes ?? [];
  if (route === undefined) return null;
  const { table } = route;
  return table === undefined ? MAIN_TABLE : Number(table);
}

async function examine(
  destination: IpAddress,
  source: IpAddress | null,
  way: Way,
  count: number,
): Promise<PingAnswer> {
  const { device } = way;
  try {
    const { pathMtu, ...found } = await ping({ destination, source, device }, count);
    const by = way.vni === null ? "underlay" : "tunnel";
    const pathMtuBytes = pathMtu?.bytes ?? null;
    return {
      destination: formatAddress(destination),
      by,
      ...way,
      source: source && formatAddress(source),
      ...found,
      pathMtuBytes,
      blackHole: pathMtu?.isBlackHole ?? false,
      tenantMtuBytes:
        by === "tunnel" || destination.family === 4 || pathMtuBytes === null
          ? null
          : pathMtuBytes - IP_HEADER_BYTES[6],
      hint: found.received > 0 ? null : hintFor(way, source),
    };
  } catch (error) {
    if (!(error instanceof IcmpSocketError)) throw error;
    const message = socketRemedy(error, destination);
    throw new CommandError(message, { code: error.code, exitCode: EXIT_FAILED });
  }
}

function hintFor({ vni, nextHops }: Way, source: IpAddress | null): string {
  if (vni === null)
    return "firewalls must pass ICMPv6 and the IP protocols 4 and 41: ip -6 route get shows the way";
  const hop = nextHops[0] ?? "HOP";
  const from = source === null ? "the source" : formatAddress(source);
  return `bunbond ping ${hop} shows whether the hypervisor answers; it must have a route back to ${from} in VNI ${vni}: bunbond explain there`;
}
