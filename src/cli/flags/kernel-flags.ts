/**
 * The client's flags for routes in the kernel: their definitions, and how their values are read. What a table means
 * depends on the rules that look it up. The kernel itself looks up 253 ("default") and 255 ("local") for the host's
 * packets, so that tenants' routes there would be used as the host's. "main" is the host's own table: it needs a flag
 * of its own. Go's example unit writes 0 for it, which in a route message means main as well.
 */

import { DEFAULT_RECONCILE_INTERVAL_SECONDS } from "../../base/defaults.ts";
import {
  DEFAULT_PREFERRED_WEIGHT,
  ECMP_MODES,
  type EcmpMode,
  type PreferredNetwork,
  type TableMapping,
} from "../../kernel/desired/settings.ts";
import { RT_TABLE_DEFAULT, RT_TABLE_LOCAL, RT_TABLE_MAIN } from "../../kernel/netlink/netlink-constants.ts";
import type { KernelOptionNames } from "../../kernel/option-names.ts";
import {
  DEFAULT_PROTOCOL,
  LEAST_PROTOCOL,
  MAX_TABLE,
  MAX_WEIGHT,
  PROTOCOL_RA,
} from "../../kernel/options.ts";
import { formatPrefix, parsePrefix, samePrefix } from "../../net/prefix.ts";
import { NEXT_HOP_TYPE_NAMES, NEXT_HOP_TYPES } from "../../route/next-hop-type.ts";
import { MAX_VNI, type NextHopType } from "../../wire/protocol.ts";
import type { FlagDefs, ValueFlagDef } from "../program/command-definition.ts";
import type { FlagValues } from "../program/flags.ts";
import { badValue, readEach, readOneOf, readSeconds, readWholeNumber, whole } from "./values.ts";

/** IFNAMSIZ in linux/if.h, without the zero byte. */
const MAX_DEVICE_NAME_BYTES = 15;

const NAT_ACTIONS = ["plain", "skip"] as const;

export const routeProtocolFlag = {
  type: "string",
  valueHint: "N",
  example: "200",
  default: `${DEFAULT_PROTOCOL}`,
  description: `Mark BunBond's routes in the kernel with this protocol number, ${LEAST_PROTOCOL} to 255 except ${PROTOCOL_RA}; the other numbers belong to the kernel and to routes made by hand. A network namespace can have one client per number.`,
} satisfies ValueFlagDef;

export const kernelFlags = {
  "install-routes": {
    type: "string",
    repeatable: true,
    valueHint: "VNI#TABLE",
    example: "100#100",
    description:
      "Subscribe to this virtual network, and install its routes in this routing table of the kernel: 1 to 4294967295, except 253 and 255.",
  },
  tun: {
    type: "string",
    valueHint: "DEVICE",
    example: "ip6tnl0",
    default: "ip6tnl0",
    description: "The tunnel device of these routes. It must be of type ip6tnl, mode any, external.",
  },
  "ipv4-only": { type: "boolean", description: "Install only routes to IPv4 destinations in the kernel." },
  cleanup: {
    type: "boolean",
    description:
      "Remove BunBond's routes from the kernel at the end. Without this flag they stay, and the next start takes them over.",
  },
  "route-protocol": routeProtocolFlag,
  "dry-run": {
    type: "boolean",
    description:
      "Change nothing in the kernel. Print the ip commands that would make the changes, instead of the changes of routes.",
  },
  "allow-main-table": {
    type: "boolean",
    description: `Allow --install-routes to name the host's own table, main: ${RT_TABLE_MAIN}, or 0 as with Go's client.`,
  },
  "prefer-network": {
    type: "string",
    repeatable: true,
    valueHint: "PREFIX[=WEIGHT]",
    example: "2001:db8:a::/48=10",
    description: `If a destination has several next hops, give those in this IPv6 network the weight WEIGHT, 1 to ${MAX_WEIGHT}, or ${DEFAULT_PREFERRED_WEIGHT} if it is left out. The other next hops have weight 1.`,
  },
  "exclude-type": {
    type: "string",
    repeatable: true,
    valueHint: NEXT_HOP_TYPE_NAMES.join("|"),
    example: "lb",
    description: "Do not install next hops of this type in the kernel.",
  },
  ecmp: {
    type: "string",
    valueHint: ECMP_MODES.join("|"),
    example: "resilient",
    default: "plain",
    description:
      "How the connections to a destination are spread over several next hops. plain: when one next hop comes or goes, some connections through the others move, too. resilient (Linux 5.13 or newer): connections through the others stay.",
  },
  "reconcile-interval": {
    type: "string",
    valueHint: "SEC",
    example: "300",
    default: `${DEFAULT_RECONCILE_INTERVAL_SECONDS}`,
    description:
      "Compare the kernel's tables with the desired routes this often, and repair them; 0: never. Changes that the kernel reports are repaired at once.",
  },
  "install-nat": {
    type: "string",
    valueHint: NAT_ACTIONS.join("|"),
    example: "skip",
    default: "plain",
    description:
      "How NAT next hops are installed in the kernel. plain: without their ports, which a route cannot express. skip: not at all.",
  },
} satisfies FlagDefs;

/** The names by which messages of src/kernel call the options. */
export const kernelOptionNames: KernelOptionNames = {
  device: "--tun",
  protocol: "--route-protocol",
  ecmp: "--ecmp",
};

export type NatAction = (typeof NAT_ACTIONS)[number];

export interface KernelFlagOptions {
  /** The mappings in the order given, each VNI once. Empty if nothing is installed in the kernel. */
  readonly installRoutes: readonly TableMapping[];
  readonly tunnelDevice: string;
  readonly ipv4Only: boolean;
  readonly cleanup: boolean;
  readonly routeProtocol: number;
  readonly dryRun: boolean;
  /** Each network once. */
  readonly preferNetworks: readonly PreferredNetwork[];
  /** Each type once. */
  readonly excludeTypes: readonly NextHopType[];
  readonly ecmp: EcmpMode;
  /** 0 if the tables are never compared. */
  readonly reconcileSeconds: number;
  readonly installNat: NatAction;
}

type KernelFlagValues = FlagValues<typeof kernelFlags>;

/** @throws UsageError */
export function readKernelFlags(flags: KernelFlagValues): KernelFlagOptions {
  return {
    installRoutes: readMappings(flags["install-routes"], flags["allow-main-table"]),
    tunnelDevice: readDevice(flags.tun),
    ipv4Only: flags["ipv4-only"],
    cleanup: flags.cleanup,
    routeProtocol: readRouteProtocol(flags["route-protocol"]),
    dryRun: flags["dry-run"],
    preferNetworks: readPreferredNetworks(flags["prefer-network"]),
    excludeTypes: [
      ...new Set(
        readEach(
          flags["exclude-type"],
          (text) => NEXT_HOP_TYPES[readOneOf("--exclude-type", text, NEXT_HOP_TYPE_NAMES)],
        ),
      ),
    ],
    ecmp: readOneOf("--ecmp", flags.ecmp, ECMP_MODES),
    reconcileSeconds: readSeconds("--reconcile-interval", flags["reconcile-interval"]),
    installNat: readOneOf("--install-nat", flags["install-nat"], NAT_ACTIONS),
  };
}

/** Returns warnings about flags without effect: units of Go's client have --tun without --install-routes. */
export function kernelFlagWarnings(flags: KernelFlagValues): string[] {
  if (flags["install-routes"].length > 0) {
    const isVain = flags["dry-run"] && flags.cleanup;
    return isVain
      ? ["--cleanup has no effect with --dry-run: 'bunbond cleanup --dry-run' prints what would be removed"]
      : [];
  }
  const given = Object.entries(kernelFlags).flatMap(([name, def]) => {
    // The flags' names are those of the values.
    const value = flags[name as keyof KernelFlagValues];
    const isDefault = Array.isArray(value)
      ? value.length === 0
      : value === ("default" in def ? def.default : false);
    return isDefault ? [] : `--${name}`;
  });
  if (given.length === 0) return [];
  return [`without --install-routes these flags have no effect: ${given.join(", ")}`];
}

/** Reads a device name by the kernel's rule, dev_valid_name() in net/core/dev.c. */
function readDevice(name: string): string {
  const isOne = Buffer.byteLength(name) <= MAX_DEVICE_NAME_BYTES && /^(?!\.\.?$)[^/:\s]+$/.test(name);
  if (isOne) return name;
  const reason = `no device can have that name: 1 to ${MAX_DEVICE_NAME_BYTES} bytes, without "/", ":" and spaces`;
  throw badValue("--tun", name, whole(name), reason);
}

export function readRouteProtocol(text: string): number {
  const protocol = readWholeNumber("--route-protocol", text, LEAST_PROTOCOL, 255);
  if (protocol !== PROTOCOL_RA) return protocol;
  throw badValue(
    "--route-protocol",
    text,
    whole(text),
    `${PROTOCOL_RA} is reserved for the kernel: use another number`,
  );
}

/** Reads tables, in the order given, each once. */
export function readTables(flag: string, texts: readonly string[]): number[] {
  return [...new Set(readEach(texts, (text) => readTable(flag, text, 0, null)))];
}

/** Reads the table in the text from `start` on. `mainHint` says what to do about main; null if main is allowed. */
function readTable(flag: string, text: string, start: number, mainHint: string | null): number {
  const digits = text.slice(start);
  const range = { start, end: text.length };
  const table = /^\d+$/.test(digits) ? Number(digits) : Number.NaN;
  if (!(table <= MAX_TABLE)) {
    throw badValue(flag, text, range, `the table must be a number from 1 to ${MAX_TABLE}`);
  }
  if (table === RT_TABLE_DEFAULT || table === RT_TABLE_LOCAL) {
    const name = table === RT_TABLE_LOCAL ? "local" : "default";
    throw badValue(flag, text, range, `table ${table} ("${name}") belongs to the kernel`);
  }
  if (table !== 0 && table !== RT_TABLE_MAIN) return table;
  if (mainHint === null) return RT_TABLE_MAIN;
  throw badValue(flag, text, range, `table ${table} is main, the host's own`, mainHint);
}

function readMappings(texts: readonly string[], allowMain: boolean): TableMapping[] {
  const tables = new Map<number, number>();
  readEach(texts, (text) => {
    const { vni, table } = readMapping(text, allowMain);
    const other = tables.get(vni) ?? table;
    if (other !== table) {
      throw badValue(
        "--install-routes",
        text,
        whole(text),
        `VNI ${vni} is already installed in table ${other}`,
      );
    }
    tables.set(vni, table);
  });
  return Array.from(tables, ([vni, table]) => ({ vni, table }));
}

function readMapping(text: string, allowMain: boolean): TableMapping {
  const flag = "--install-routes";
  const hash = text.indexOf("#");
  if (hash < 0) {
    const range = { start: text.length, end: text.length };
    throw badValue(flag, text, range, `"#" and the table are missing, as in 100#100`);
  }
  const digits = text.slice(0, hash);
  const vni = /^\d+$/.test(digits) ? Number(digits) : Number.NaN;
  if (!(vni <= MAX_VNI)) {
    throw badValue(flag, text, { start: 0, end: hash }, `the VNI must be a number from 0 to ${MAX_VNI}`);
  }
  const mainHint = allowMain ? null : "if that is intended, add --allow-main-table";
  return { vni, table: readTable(flag, text, hash + 1, mainHint) };
}

function readPreferredNetworks(texts: readonly string[]): PreferredNetwork[] {
  const networks: PreferredNetwork[] = [];
  readEach(texts, (text) => {
    const network = readPreferredNetwork(text);
    const other = networks.find(({ prefix }) => samePrefix(prefix, network.prefix));
    if (other === undefined) networks.push(network);
    else if (other.weight !== network.weight) {
      const reason = `${formatPrefix(network.prefix)} already has weight ${other.weight}`;
      throw badValue("--prefer-network", text, whole(text), reason);
    }
  });
  return networks;
}

function readPreferredNetwork(text: string): PreferredNetwork {
  const flag = "--prefer-network";
  const equals = text.indexOf("=");
  const end = equals < 0 ? text.length : equals;
  const parsed = parsePrefix(text.slice(0, end));
  if (parsed === null || parsed.prefix.family !== 6) {
    throw badValue(
      flag,
      text,
      { start: 0, end },
      "an IPv6 prefix with its length is needed, as in 2001:db8:a::/48",
    );
  }
  if (parsed.hostBitsMasked) {
    const reason = `there are bits set after the prefix length: perhaps ${formatPrefix(parsed.prefix)} is meant`;
    throw badValue(flag, text, { start: 0, end }, reason);
  }
  if (equals < 0) return { prefix: parsed.prefix, weight: DEFAULT_PREFERRED_WEIGHT };
  const digits = text.slice(equals + 1);
  const weight = /^\d+$/.test(digits) ? Number(digits) : 0;
  if (weight >= 1 && weight <= MAX_WEIGHT) return { prefix: parsed.prefix, weight };
  const range = { start: equals + 1, end: text.length };
  throw badValue(flag, text, range, `the weight must be a number from 1 to ${MAX_WEIGHT}`);
}
