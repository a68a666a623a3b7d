/** The frames of test/vectors as bytes and messages. */
import { parseAddress } from "../../../src/net/address.ts";
import { parsePrefix } from "../../../src/net/prefix.ts";
import type { Message } from "../../../src/wire/message.ts";
import { Action, NextHopType } from "../../../src/wire/protocol.ts";
import nonCanonicalJson from "../../vectors/non-canonical.json";
import refusedJson from "../../vectors/refused.json";
import wireJson from "../../vectors/wire-vectors.json";

/** A message as the vector files write it, addresses as text. */
interface MessageJson {
  readonly type: string;
  readonly keepaliveInterval?: number | undefined;
  readonly isServer?: boolean | undefined;
  readonly serverId?: string | undefined;
  readonly endOfRib?: number | undefined;
  readonly vni?: number | undefined;
  readonly action?: string | undefined;
  readonly destination?: string | undefined;
  readonly hop?:
    | {
        readonly address: string;
        readonly targetVni: number;
        readonly type: string;
        readonly natFrom: number;
        readonly natTo: number;
      }
    | undefined;
}

export interface WireVector {
  readonly name: string;
  readonly frame: Uint8Array;
  readonly message: Message;
}

/** Frames in canonical form. */
export const wireVectors: readonly WireVector[] = wireJson.map(({ name, hex, message }) => ({
  name,
  frame: bytesOf(hex),
  message: messageOf(message),
}));

/** Valid frames in another than the canonical form, and that form. */
export const nonCanonicalVectors: readonly (WireVector & { readonly canonicalFrame: Uint8Array })[] =
  nonCanonicalJson.map(({ name, hex, message, canonicalHex }) => ({
    name,
    frame: bytesOf(hex),
    message: messageOf(message),
    canonicalFrame: bytesOf(canonicalHex),
  }));

/** Frames that make no message, with the ProtocolError's code. */
export const refusedVectors: readonly {
  readonly name: string;
  readonly frame: Uint8Array;
  readonly code: string;
}[] = refusedJson.map(({ name, hex, code }) => ({ name, frame: bytesOf(hex), code }));

/** Hex digits, with blanks wherever they help the reader. */
function bytesOf(hex: string): Uint8Array {
  return Uint8Array.fromHex(hex.replaceAll(" ", ""));
}

function messageOf(json: MessageJson): Message {
  switch (json.type) {
    case "HELLO":
      return {
        type: "HELLO",
        keepaliveSeconds: known(json.keepaliveInterval),
        isServer: known(json.isServer),
        ...(json.serverId === undefined ? {} : { serverId: json.serverId }),
      };
    case "KEEPALIVE":
      return json.endOfRib === undefined
        ? { type: "KEEPALIVE" }
        : { type: "KEEPALIVE", endOfRib: json.endOfRib };
    case "SUBSCRIBE":
    case "UNSUBSCRIBE":
      return { type: json.type, vni: known(json.vni) };
    case "UPDATE": {
      const hop = known(json.hop);
      return {
        type: "UPDATE",
        action: named(Action, known(json.action)),
        vni: known(json.vni),
        destination: known(parsePrefix(known(json.destination))).prefix,
        nextHop: {
          address: known(parseAddress(hop.address)),
          targetVni: hop.targetVni,
          type: named(NextHopType, hop.type),
          natPortFrom: hop.natFrom,
          natPortTo: hop.natTo,
        },
      };
    }
    default:
      throw new Error(`a vector has the unknown type ${json.type}`);
  }
}

function known<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error("a vector lacks a field");
  return value;
}

function named<T>(names: Record<string, T>, name: string): T {
  return known(names[name]);
}
