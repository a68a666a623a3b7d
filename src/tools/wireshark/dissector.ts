/**
 * The Wireshark dissector is dissector.lua with the numbers and texts of src/wire/ in it, so that the two decoders cannot know
 * different protocols.
 */
import { SHORT_TYPE_NAMES } from "../../route/next-hop-type.ts";
import { DESTINATION, HELLO, KEEPALIVE, NEXT_HOP, SUBSCRIPTION, UPDATE } from "../../wire/proto3.ts";
import {
  Action,
  DEFAULT_PORT,
  HEADER_BYTES,
  IpVersion,
  MAX_PAYLOAD_BYTES,
  MAX_PORT,
  MessageType,
  NextHopType,
  PROTOCOL_VERSION,
} from "../../wire/protocol.ts";
import { CLOSING_CODES, describeCode, SKIP_CODES } from "../../wire/protocol-error.ts";
import script from "./dissector.lua" with { type: "text" };

/** A value of Lua; undefined is left out of a table. */
type LuaValue = string | number | boolean | undefined | LuaTable | LuaName;
type LuaTable = { readonly [key: string]: LuaValue };
/** A variable of the script. */
class LuaName {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** What Wireshark shows of a field. */
interface FieldSpec {
  /** The display filter, after "metalbond.". */
  readonly filter: string;
  readonly label: string;
  readonly kind: "uint32" | "bool" | "bytes" | "address" | "message";
  /** The names of an enum's values: a variable of the script. */
  readonly values?: LuaName;
  /** The name of the message in it. */
  readonly message?: string;
}

type Fields<T> = { readonly [Name in keyof T]: FieldSpec };

const vni: FieldSpec = { filter: "vni", label: "VNI", kind: "uint32" };

const HELLO_FIELDS: Fields<typeof HELLO> = {
  KEEPALIVE_INTERVAL: { filter: "keepalive_interval", label: "Keepalive interval (s)", kind: "uint32" },
  IS_SERVER: { filter: "is_server", label: "Is a server", kind: "bool" },
  SERVER_ID: { filter: "server_id", label: "Server id", kind: "bytes" },
};
const KEEPALIVE_FIELDS: Fields<typeof KEEPALIVE> = {
  END_OF_RIB: { filter: "end_of_rib", label: "End-of-RIB of VNI", kind: "uint32" },
};
const SUBSCRIPTION_FIELDS: Fields<typeof SUBSCRIPTION> = { VNI: vni };
const UPDATE_FIELDS: Fields<typeof UPDATE> = {
  ACTION: { filter: "action", label: "Action", kind: "uint32", values: new LuaName("ACTIONS") },
  VNI: { ...vni },
  DESTINATION: { filter: "destination", label: "Destination", kind: "message", message: "DESTINATION" },
  NEXT_HOP: { filter: "next_hop", label: "Next hop", kind: "message", message: "NEXT_HOP" },
};
const DESTINATION_FIELDS: Fields<typeof DESTINATION> = {
  IP_VERSION: {
    filter: "destination.ip_version",
    label: "IP version",
    kind: "uint32",
    values: new LuaName("IP_VERSIONS"),
  },
  PREFIX: { filter: "destination", label: "Prefix", kind: "address" },
  PREFIX_LENGTH: { filter: "destination.length", label: "Prefix length", kind: "uint32" },
};
const NEXT_HOP_FIELDS: Fields<typeof NEXT_HOP> = {
  ADDRESS: { filter: "next_hop", label: "Address", kind: "address" },
  TARGET_VNI: { filter: "next_hop.target_vni", label: "Target VNI", kind: "uint32" },
  TYPE: { filter: "next_hop.type", label: "Type", kind: "uint32", values: new LuaName("NEXT_HOP_TYPES") },
  NAT_PORT_FROM: { filter: "next_hop.nat_port_from", label: "First NAT port", kind: "uint32" },
  NAT_PORT_TO: { filter: "next_hop.nat_port_to", label: "Last NAT port", kind: "uint32" },
};

/** Returns the dissector as a Lua script. */
export function wiresharkDissector(): string {
  const tables: Readonly<Record<string, LuaValue>> = {
    VERSION: PROTOCOL_VERSION,
    HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    MAX_PORT,
    PORT: DEFAULT_PORT,
    IPV6: IpVersion.IPV6,
    MESSAGE_TYPES: namesByNumber(MessageType),
    ACTIONS: namesByNumber(Action),
    IP_VERSIONS: namesByNumber(IpVersion),
    NEXT_HOP_TYPES: namesByNumber(NextHopType),
    SHORT_TYPES: numbered(SHORT_TYPE_NAMES),
    ERRORS: Object.fromEntries(
      [...CLOSING_CODES, ...SKIP_CODES].map((code) => [
        code,
        { text: describeCode(code), closes: isClosing(code) },
      ]),
    ),
    MESSAGES: {
      HELLO: fieldTable(HELLO, HELLO_FIELDS),
      KEEPALIVE: fieldTable(KEEPALIVE, KEEPALIVE_FIELDS),
      SUBSCRIBE: fieldTable(SUBSCRIPTION, SUBSCRIPTION_FIELDS),
      UNSUBSCRIBE: fieldTable(SUBSCRIPTION, SUBSCRIPTION_FIELDS),
      UPDATE: fieldTable(UPDATE, UPDATE_FIELDS),
      DESTINATION: fieldTable(DESTINATION, DESTINATION_FIELDS),
      NEXT_HOP: fieldTable(NEXT_HOP, NEXT_HOP_FIELDS),
    },
  };
  const lines = Object.entries(tables).map(([name, value]) => `local ${name} = ${luaText(value, "")}`);
  const comment = "-- The fields of a message by their key: field number * 8 + wire type.";
  return script.replace("-- {{tables}}", () => [comment, ...lines].join("\n"));
}

function isClosing(code: string): boolean {
  return CLOSING_CODES.some((closing) => closing === code);
}

/** The names by number: `[1] = "HELLO"`. */
function namesByNumber(numbers: Readonly<Record<string, number>>): LuaTable {
  return Object.fromEntries(Object.entries(numbers).map(([name, number]) => [key(number), name]));
}

function numbered(names: Readonly<Record<number, string>>): LuaTable {
  return Object.fromEntries(Object.entries(names).map(([number, name]) => [key(Number(number)), name]));
}

/** A message's fields by their keys in protobuf. */
function fieldTable<T extends Readonly<Record<keyof T, number>>>(keys: T, fields: Fields<T>): LuaTable {
  const entries: [string, LuaValue][] = [];
  for (const name in keys) {
    const { filter, label, kind, values, message } = fields[name];
    entries.push([key(keys[name]), { name: name.toLowerCase(), filter, label, kind, values, message }]);
  }
  return Object.fromEntries(entries);
}

/** A number as the key of a Lua table. */
function key(number: number): string {
  return `[${number}]`;
}

function luaText(value: LuaValue, indent: string): string {
  if (value instanceof LuaName) return value.name;
  if (typeof value !== "object") return typeof value === "string" ? JSON.stringify(value) : `${value}`;
  const inner = `${indent}  `;
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  const lines = entries.map(([name, each]) => `${inner}${name} = ${luaText(each, inner)},\n`);
  return `{\n${lines.join("")}${indent}}`;
}
