/**
 * The client's flags for routes in the kernel: how those values are read that have a grammar of their own. What a table means
 * depends on the rules that look it up. The kernel itself looks up 253 ("default") and 255 ("local") for the host's
 * packets, so that tenants' routes there would be used as the host's. "main" is the host's own table: it needs a flag
 * of its own. Go's example unit writes 0 for it, which in a route message means main as well.
 */

import type { EcmpMode, PreferredNetwork, TableMapping } from "../../kernel/desired/settings.ts";
import { RT_TABLE_DEFAULT, RT_TABLE_LOCAL, RT_TABLE_MAIN } from "../../kernel/netlink/netlink-constants.ts";
import type { KernelOptionNames } from "../../kernel/option-names.ts";
import { formatPrefix, parsePrefix, samePrefix } from "../../net/prefix.ts";
import {
  DEFAULT_PREFERRED_WEIGHT,
  KERNEL_OPTIONS,
  MAX_TABLE,
  MAX_WEIGHT,
} from "../../options/kernel-options.ts";
import type { Option } from "../../options/option.ts";
import { NEXT_HOP_TYPE_NAMES, NEXT_HOP_TYPES } from "../../route/next-hop-type.ts";
import { MAX_VNI, type NextHopType } from "../../wire/protocol.ts";
import type { ValuesOf } from "./option-flags.ts";
import { badValue, readEach, readOneOf, whole } from "./values.ts";

/** IFNAMSIZ in linux/if.h, without the zero byte. */
const MAX_DEVICE_NAME_BYTES = 15;

/** The names by which messages of src/kernel call the options. */
export const kernelOptionNames: KernelOptionNames = {
  device: "--tun",
  protocol: "--route-protocol",
  ecmp: "--ecmp",
};

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
  readonly installNat: "plain" | "skip";
}

type KernelValues = ValuesOf<typeof KERNEL_OPTIONS>;

/** @throws UsageError */
export function readKernelTexts(
  values: KernelValues,
): Pick<KernelFlagOptions, "installRoutes" | "tunnelDevice" | "preferNetworks" | "excludeTypes"> {
  return {
    installRoutes: readMappings(values.installRoutes, values.allowMainTable),
    tunnelDevice: readDevice(values.tunnelDevice),
    preferNetworks: readPreferredNetworks(values.preferNetworks),
    excludeTypes: [
      ...new Set(
        readEach(
          values.excludeTypes,
          (text) => NEXT_HOP_TYPES[readOneOf("--exclude-type", text, NEXT_HOP_TYPE_NAMES)],
        ),
      ),
    ],
  };
}

/** Returns warnings about flags without effect: units of Go's client have --tun without --install-routes. */
export function kernelFlagWarnings(values: KernelValues): string[] {
  if (values.installRoutes.length > 0) {
    const isVain = values.dryRun && values.cleanup;
    return isVain
      ? ["--cleanup has no effect with --dry-run: 'bunbond cleanup --dry-run' prints what would be removed"]
      : [];
  }
  const given = Object.entries<Option>(KERNEL_OPTIONS).flatMap(([key, option]) => {
    const value: unknown = Reflect.get(values, key);
    const isDefault =
      option.type === "list"
        ? Array.isArray(value) && value.length === 0
        : !("default" in option) || value === option.default;
    return option.flag === undefined || isDefault ? [] : `--${option.flag}`;
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
