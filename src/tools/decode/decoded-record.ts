/** `bunbond decode` prints one record after the other: as text for people, or as JSON. */

import { formatAddress } from "../../net/address.ts";
import { formatEndpoint } from "../../net/endpoint.ts";
import { formatRoute } from "../../route/announcement-text.ts";
import { type RouteJson, routeJson } from "../../route/printable-route.ts";
import type { Message } from "../../wire/message.ts";
import { Action } from "../../wire/protocol.ts";
import { type CaptureTime, formatCaptureTime } from "../capture/captured-packet.ts";
import type { TcpEnd, TcpFragment } from "../capture/tcp-segment.ts";
import type { StreamItem } from "./message-stream.ts";

/** Where and when something was found. */
export interface RecordPlace {
  /** Null in hex text, which has no packets. */
  readonly packet: PlaceInCapture | null;
}

export interface PlaceInCapture {
  /** The number of the packet with which it was complete. */
  readonly number: number;
  readonly time: CaptureTime | null;
}

/** The side of a connection that sent something. */
export interface Direction {
  /** The connection's number, from 1. */
  readonly connection: number;
  readonly source: TcpEnd;
  readonly destination: TcpEnd;
}

export type DecodedRecord = RecordPlace &
  (
    | { readonly direction: Direction | null; readonly item: StreamItem }
    /** The capture begins inside a connection: the direction's first bytes may be the middle of a message. */
    | { readonly direction: Direction; readonly item: { readonly kind: "joined" } }
    | { readonly direction: null; readonly item: TcpFragment }
  );

export function recordText({ packet, direction, item }: DecodedRecord): string {
  const time = packet?.time == null ? "" : `${formatCaptureTime(packet.time)} `;
  const number = packet === null ? "" : `#${packet.number} `;
  const ends =
    direction === null
      ? ""
      : `connection ${direction.connection}: ${formatEnd(direction.source)} > ${formatEnd(direction.destination)} `;
  const offset = packet === null && "offset" in item ? `0x${item.offset.toString(16).padStart(4, "0")} ` : "";
  return `${time}${number}${ends}${offset}${itemText(item)}`;
}

function itemText(item: DecodedRecord["item"]): string {
  switch (item.kind) {
    case "message":
      return messageText(item.message);
    case "fault": {
      const { error, frame } = item;
      return `fault ${error.code}: ${error.message}; frame ${frame.toHex()}`;
    }
    case "skipped":
      return `skipped: ${count(item.bytes)}, up to the next message`;
    case "gap":
      return `gap: ${count(item.bytes)} are missing in the capture`;
    case "cut":
      return `cut: ${count(item.bytes)} of a message, and its rest is missing`;
    case "joined":
      return "the capture begins inside this connection";
    case "fragment":
      return `${formatAddress(item.source)} > ${formatAddress(item.destination)} IP fragment, not reassembled`;
  }
}

function messageText(message: Message): string {
  switch (message.type) {
    case "HELLO": {
      const { keepaliveSeconds, isServer, serverId } = message;
      const id = serverId === undefined ? "" : ` id ${serverId}`;
      return `HELLO ${isServer ? "server" : "client"} keepalive ${keepaliveSeconds} s${id}`;
    }
    case "KEEPALIVE":
      return message.endOfRib === undefined ? "KEEPALIVE" : `KEEPALIVE End-of-RIB ${message.endOfRib}`;
    case "SUBSCRIBE":
    case "UNSUBSCRIBE":
      return `${message.type} ${message.vni}`;
    case "UPDATE":
      return `UPDATE ${actionName(message.action)} ${formatRoute(message)}`;
  }
}

function count(bytes: number): string {
  return bytes === 1 ? "1 byte" : `${bytes} bytes`;
}

/** The name in the protocol's definition. */
export function actionName(action: Action): keyof typeof Action {
  return action === Action.ADD ? "ADD" : "REMOVE";
}

function formatEnd({ address, port }: TcpEnd): string {
  return formatEndpoint({ host: formatAddress(address), port });
}

/** A record in JSON. `packet`, `time`, `connection`, `source` and `destination` are null where they are not known. */
export interface RecordJson {
  readonly packet: number | null;
  readonly time: string | null;
  readonly connection: number | null;
  readonly source: string | null;
  readonly destination: string | null;
  readonly kind: DecodedRecord["item"]["kind"];
  readonly offset?: number;
  readonly bytes?: number;
  readonly message?: MessageJson;
  readonly fault?: FaultJson;
}

export type MessageJson =
  | Exclude<Message, { type: "UPDATE" }>
  | { readonly type: "UPDATE"; readonly action: keyof typeof Action; readonly route: RouteJson };

export interface FaultJson {
  readonly code: string;
  readonly text: string;
  /** Whether a peer has to end the connection for it. */
  readonly closesConnection: boolean;
  /** The place in the frame, in bytes; null if the fault is in no single place. */
  readonly offset: number | null;
  /** In hex. */
  readonly frame: string;
}

export function recordJson({ packet, direction, item }: DecodedRecord): RecordJson {
  const ends =
    item.kind === "fragment"
      ? { source: formatAddress(item.source), destination: formatAddress(item.destination) }
      : {
          source: direction === null ? null : formatEnd(direction.source),
          destination: direction === null ? null : formatEnd(direction.destination),
        };
  return {
    packet: packet?.number ?? null,
    time: packet?.time == null ? null : formatCaptureTime(packet.time),
    connection: direction?.connection ?? null,
    ...ends,
    kind: item.kind,
    ...("offset" in item && { offset: item.offset }),
    ...("bytes" in item && { bytes: item.bytes }),
    ...(item.kind === "message" && { message: messageJson(item.message) }),
    ...(item.kind === "fault" && { fault: faultJson(item) }),
  };
}

function messageJson(message: Message): MessageJson {
  if (message.type !== "UPDATE") return message;
  return { type: "UPDATE", action: actionName(message.action), route: routeJson(message) };
}

function faultJson({ error, frame }: Extract<StreamItem, { kind: "fault" }>): FaultJson {
  const { code, message, closesConnection, detail } = error;
  return { code, text: message, closesConnection, offset: detail.offset ?? null, frame: frame.toHex() };
}
