/**
 * Frames as tests write them down, one line each:
 *
 *     HELLO 5 · HELLO 5 server · KEEPALIVE · END 100 (the End-of-RIB) · SUBSCRIBE 100 · UNSUBSCRIBE 100
 *     ADD 100 10.0.1.0/24 via 2001:db8::1 · REMOVE 100 ::/0 via 2001:db8::1 type nat ports 1-9 target-vni 7
 *     HEX 0100 0002           bytes as they are
 *
 * Host bits behind a prefix's length are sent as they are written.
 */
import { parseAddress } from "../../../src/net/address.ts";
import { formatRoute } from "../../../src/route/announcement-text.ts";
import type { Route } from "../../../src/route/route.ts";
import { encodeMessage } from "../../../src/wire/codec.ts";
import type { Message } from "../../../src/wire/message.ts";
import { Action, NextHopType } from "../../../src/wire/protocol.ts";

const TYPES = { nat: NextHopType.NAT, lb: NextHopType.LOADBALANCER_TARGET } as const;
const ROUTE =
  /^(\d+) (\S+)\/(\d+) via (\S+)(?: type (nat|lb))?(?: ports (\d+)-(\d+))?(?: target-vni (\d+))?$/;

export function frameOfText(text: string): Uint8Array {
  const [verb = "", ...words] = text.split(" ");
  return verb === "HEX" ? Uint8Array.fromHex(words.join("")) : encodeMessage(messageOfText(text));
}

function messageOfText(text: string): Message {
  const [verb = "", first = "", second] = text.split(" ");
  switch (verb) {
    case "HELLO":
      return { type: "HELLO", keepaliveSeconds: Number(first), isServer: second === "server" };
    case "KEEPALIVE":
      return { type: "KEEPALIVE" };
    case "END":
      return { type: "KEEPALIVE", endOfRib: Number(first) };
    case "SUBSCRIBE":
    case "UNSUBSCRIBE":
      return { type: verb, vni: Number(first) };
    case "ADD":
    case "REMOVE":
      return { type: "UPDATE", action: Action[verb], ...routeOfText(text.slice(verb.length + 1)) };
    default:
      throw new Error(`no frame: "${text}"`);
  }
}

export function routeOfText(text: string): Route {
  const [, vni, prefix = "", lengthBits, hop = "", type, from, to, targetVni] = ROUTE.exec(text) ?? [];
  const destination = parseAddress(prefix);
  const address = parseAddress(hop);
  if (destination === null || address === null) throw new Error(`no route: "${text}"`);
  return {
    vni: Number(vni),
    destination: { ...destination, lengthBits: Number(lengthBits) },
    nextHop: {
      address,
      targetVni: Number(targetVni ?? 0),
      type: type === "nat" || type === "lb" ? TYPES[type] : NextHopType.STANDARD,
      natPortFrom: Number(from ?? 0),
      natPortTo: Number(to ?? 0),
    },
  };
}

export function textOfMessage(message: Message): string {
  switch (message.type) {
    case "HELLO":
      return `HELLO ${message.keepaliveSeconds}${message.isServer ? " server" : ""}`;
    case "KEEPALIVE":
      return message.endOfRib === undefined ? "KEEPALIVE" : `END ${message.endOfRib}`;
    case "SUBSCRIBE":
    case "UNSUBSCRIBE":
      return `${message.type} ${message.vni}`;
    case "UPDATE":
      return `${message.action === Action.ADD ? "ADD" : "REMOVE"} ${formatRoute(message)}`;
  }
}
