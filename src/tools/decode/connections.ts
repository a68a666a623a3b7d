/**
 * The TCP connections of a capture take segments and give records. Memory is bounded whatever the capture holds: the number of
 * connections, and the bytes that wait for what is missing before them.
 */
import { formatAddress } from "../../net/address.ts";
import type { CapturedPacket } from "../capture/captured-packet.ts";
import type { TcpEnd, TcpSegment } from "../capture/tcp-segment.ts";
import { type StreamPart, TcpStream } from "../capture/tcp-stream.ts";
import type { DecodedRecord, Direction, PlaceInCapture } from "./decoded-record.ts";
import { MessageStream, type StreamItem } from "./message-stream.ts";

export interface ConnectionLimits {
  /** The connection that was quiet for longest ends early if there are more. */
  readonly maxConnections: number;
  /** Limits the bytes that wait, of all connections. */
  readonly maxWaitingBytes: number;
}

const DEFAULT_LIMITS: ConnectionLimits = { maxConnections: 16_384, maxWaitingBytes: 64 << 20 };

interface Side {
  readonly direction: Direction;
  readonly tcp: TcpStream;
  /** Null before the first data. */
  messages: MessageStream | null;
  hasSyn: boolean;
}

interface Connection {
  readonly key: string;
  /** The side that sent the first segment that was captured, and the other one. */
  readonly sides: readonly [Side, Side];
}

export class Connections {
  /** By their ends in a fixed order; the one that was quiet for longest is first. */
  readonly #open = new Map<string, Connection>();
  readonly #limits: ConnectionLimits;
  #count = 0;
  #waitingBytes = 0;

  constructor(limits = DEFAULT_LIMITS) {
    this.#limits = limits;
  }

  /** How many have been seen. */
  get count(): number {
    return this.#count;
  }

  *add(packet: CapturedPacket, segment: TcpSegment): Generator<DecodedRecord> {
    const place: PlaceInCapture = { number: packet.number, time: packet.time };
    let connection = this.#find(segment);
    let side = sideOf(connection, segment.source);
    if (segment.isSyn && !side.tcp.begin(segment.sequence)) {
      // The ends are the same, but not the connection.
      yield* this.#end(connection, place);
      connection = this.#find(segment);
      side = sideOf(connection, segment.source);
      side.tcp.begin(segment.sequence);
    }
    if (segment.isSyn) side.hasSyn = true;
    const { data, missingBytes } = segment;
    const sequence = segment.isSyn ? (segment.sequence + 1) >>> 0 : segment.sequence;
    // An empty segment says nothing of where a stream begins: it may be a keepalive of TCP's own, one byte too early.
    if (data.length + missingBytes > 0) {
      const before = side.tcp.waitingBytes;
      const parts = side.tcp.add(sequence, data, missingBytes);
      this.#waitingBytes += side.tcp.waitingBytes - before;
      yield* this.#decode(side, parts, place);
      if (this.#waitingBytes > this.#limits.maxWaitingBytes) yield* this.#flush(side, place);
    }
    const end = sequence + data.length + missingBytes;
    if (segment.isLast && side.messages !== null && side.tcp.hasAllBefore(end)) {
      yield* records(side.messages.end(), side.direction, place);
    }
    this.#open.delete(connection.key);
    this.#open.set(connection.key, connection);
    if (this.#open.size > this.#limits.maxConnections) {
      const [quiet] = this.#open.values();
      if (quiet !== undefined) yield* this.#end(quiet, place);
    }
  }

  /** Ends all connections, since the capture ends. */
  *end(place: PlaceInCapture): Generator<DecodedRecord> {
    for (const connection of this.#open.values()) yield* this.#end(connection, place);
  }

  #find({ source, destination }: TcpSegment): Connection {
    const [a, b] = [endText(source), endText(destination)];
    const key = a < b ? `${a} ${b}` : `${b} ${a}`;
    const found = this.#open.get(key);
    if (found !== undefined) return found;
    this.#count++;
    const connection: Connection = {
      key,
      sides: [newSide(this.#count, source, destination), newSide(this.#count, destination, source)],
    };
    this.#open.set(key, connection);
    return connection;
  }

  *#decode(side: Side, parts: readonly StreamPart[], place: PlaceInCapture): Generator<DecodedRecord> {
    const { direction } = side;
    for (const part of parts) {
      if (side.messages === null) {
        side.messages = new MessageStream(side.hasSyn ? "at a frame" : "anywhere");
        if (!side.hasSyn) yield { packet: place, direction, item: { kind: "joined" } };
      }
      const items = typeof part === "number" ? side.messages.gap(part) : side.messages.push(part);
      yield* records(items, direction, place);
    }
  }

  *#flush(side: Side, place: PlaceInCapture): Generator<DecodedRecord> {
    this.#waitingBytes -= side.tcp.waitingBytes;
    yield* this.#decode(side, side.tcp.flush(), place);
  }

  *#end(connection: Connection, place: PlaceInCapture): Generator<DecodedRecord> {
    this.#open.delete(connection.key);
    for (const side of connection.sides) {
      yield* this.#flush(side, place);
      if (side.messages !== null) yield* records(side.messages.end(), side.direction, place);
    }
  }
}

function* records(
  items: Iterable<StreamItem>,
  direction: Direction,
  packet: PlaceInCapture,
): Generator<DecodedRecord> {
  for (const item of items) yield { packet, direction, item };
}

function newSide(connection: number, source: TcpEnd, destination: TcpEnd): Side {
  return {
    direction: { connection, source, destination },
    tcp: new TcpStream(),
    messages: null,
    hasSyn: false,
  };
}

function sideOf({ sides: [first, second] }: Connection, source: TcpEnd): Side {
  const { port, address } = first.direction.source;
  return port === source.port && formatAddress(address) === formatAddress(source.address) ? first : second;
}

function endText({ address, port }: TcpEnd): string {
  return `${formatAddress(address)} ${port}`;
}
