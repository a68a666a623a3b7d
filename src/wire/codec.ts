/**
 * These functions convert whole frames to objects and back, for tests, tools and the edges of the program, where
 * allocation does not matter. They also convert {@link UpdateFields} to the objects that the rest of the program uses.
 */
import type { Prefix } from "../net/ip.ts";
import {
  decodeHello,
  decodeKeepalive,
  decodeSubscription,
  decodeUpdate,
  HelloFields,
  NO_END_OF_RIB,
} from "./decode.ts";
import {
  encodeEndOfRib,
  encodeHello,
  encodeKeepalive,
  encodeSubscription,
  encodeUpdate,
  MAX_UPDATE_FRAME_BYTES,
} from "./encode.ts";
import { Framer } from "./framer.ts";
import { type Message, type NextHop, type RouteFields, UpdateFields } from "./message.ts";
import { Action, MessageType } from "./protocol.ts";
import { ProtocolError } from "./protocol-error.ts";

/**
 * Decodes exactly one frame, header included.
 * @throws ProtocolError with codes of both kinds: an UPDATE that a session would skip is an error here
 */
export function decodeMessage(frame: Uint8Array): Message {
  const framer = new Framer();
  framer.push(frame);
  if (!framer.next() || framer.payloadOffset + framer.payloadLengthBytes !== frame.length) {
    throw new ProtocolError("FRAME_LENGTH_MISMATCH", { value: frame.length });
  }
  const { view, payloadOffset, payloadLengthBytes } = framer;
  switch (framer.type) {
    case MessageType.HELLO: {
      const hello = new HelloFields();
      decodeHello(view, payloadOffset, payloadLengthBytes, hello);
      const { keepaliveSeconds, isServer, serverId } = hello;
      return { type: "HELLO", keepaliveSeconds, isServer, ...(serverId === "" ? {} : { serverId }) };
    }
    case MessageType.KEEPALIVE: {
      const endOfRib = decodeKeepalive(view, payloadOffset, payloadLengthBytes);
      return endOfRib === NO_END_OF_RIB ? { type: "KEEPALIVE" } : { type: "KEEPALIVE", endOfRib };
    }
    case MessageType.SUBSCRIBE:
      return { type: "SUBSCRIBE", vni: decodeSubscription(view, payloadOffset, payloadLengthBytes) };
    case MessageType.UNSUBSCRIBE:
      return { type: "UNSUBSCRIBE", vni: decodeSubscription(view, payloadOffset, payloadLengthBytes) };
    case MessageType.UPDATE: {
      const fields = new UpdateFields();
      const skip = decodeUpdate(view, payloadOffset, payloadLengthBytes, fields);
      if (skip !== null) throw new ProtocolError(skip);
      const { action, vni } = fields;
      return { type: "UPDATE", action, vni, destination: destinationOf(fields), nextHop: nextHopOf(fields) };
    }
  }
}

/** Returns the message's canonical frame, header included, in an array of its own. */
export function encodeMessage(message: Message): Uint8Array {
  const frame = new Uint8Array(MAX_UPDATE_FRAME_BYTES);
  return frame.slice(0, encodeInto(new DataView(frame.buffer), message));
}

function encodeInto(view: DataView, message: Message): number {
  switch (message.type) {
    case "HELLO":
      return encodeHello(view, 0, message.keepaliveSeconds, message.isServer, message.serverId);
    case "KEEPALIVE":
      return message.endOfRib === undefined
        ? encodeKeepalive(view, 0)
        : encodeEndOfRib(view, 0, message.endOfRib);
    case "SUBSCRIBE":
    case "UNSUBSCRIBE":
      return encodeSubscription(view, 0, MessageType[message.type], message.vni);
    case "UPDATE": {
      const fields = new UpdateFields();
      fillUpdateFields(fields, message.vni, message.destination, message.nextHop);
      return encodeUpdate(view, 0, fields, message.action);
    }
  }
}

/** Sets `out` to an ADD of the route. Allocates nothing. */
export function fillUpdateFields(
  out: UpdateFields,
  vni: number,
  destination: Prefix,
  nextHop: NextHop,
): void {
  out.action = Action.ADD;
  out.vni = vni;
  out.family = destination.family;
  out.p0 = destination.w0;
  out.p1 = destination.w1;
  out.p2 = destination.w2;
  out.p3 = destination.w3;
  out.lengthBits = destination.lengthBits;
  out.hopFamily = nextHop.address.family;
  out.h0 = nextHop.address.w0;
  out.h1 = nextHop.address.w1;
  out.h2 = nextHop.address.w2;
  out.h3 = nextHop.address.w3;
  out.targetVni = nextHop.targetVni;
  out.hopType = nextHop.type;
  out.natPortFrom = nextHop.natPortFrom;
  out.natPortTo = nextHop.natPortTo;
  out.canonical = false;
}

export function destinationOf(fields: RouteFields): Prefix {
  const { family, p0, p1, p2, p3, lengthBits } = fields;
  return { family, w0: p0, w1: p1, w2: p2, w3: p3, lengthBits };
}

export function nextHopOf(fields: RouteFields): NextHop {
  const { hopFamily, h0, h1, h2, h3, targetVni, hopType, natPortFrom, natPortTo } = fields;
  return {
    address: { family: hopFamily, w0: h0, w1: h1, w2: h2, w3: h3 },
    targetVni,
    type: hopType,
    natPortFrom,
    natPortTo,
  };
}
