import type { IpAddress, Prefix } from "../net/ip.ts";
import type { Action, NextHopType } from "./protocol.ts";

/** A next hop: packets for a destination go there. All five fields together are its identity. */
export interface NextHop {
  readonly address: IpAddress;
  readonly targetVni: number;
  readonly type: NextHopType;
  /** First and last port of a NAT next hop's range, 0 to 65535; 0 for other types. */
  readonly natPortFrom: number;
  readonly natPortTo: number;
}

/** A frame's content as an object: for tests, tools and the edges. The hot path decodes into {@link UpdateFields}. */
export type Message =
  | {
      readonly type: "HELLO";
      readonly keepaliveSeconds: number;
      readonly isServer: boolean;
      /** 16 hex digits, of a BunBond server; left out by all others. */
      readonly serverId?: string;
    }
  /** `endOfRib` makes it an End-of-RIB: all existing routes of that VNI have been sent. */
  | { readonly type: "KEEPALIVE"; readonly endOfRib?: number }
  | { readonly type: "SUBSCRIBE" | "UNSUBSCRIBE"; readonly vni: number }
  | {
      readonly type: "UPDATE";
      readonly action: Action;
      readonly vni: number;
      readonly destination: Prefix;
      readonly nextHop: NextHop;
    };

/**
 * An UPDATE as plain numbers, filled in place by the decoder and read at once: one object per
 * connection or process, never one per message. Words are signed 32-bit integers (see net/ip.ts),
 * VNIs unsigned. The destination's host bits are masked away.
 */
export class UpdateFields {
  action: Action = 0;
  vni = 0;
  family: 4 | 6 = 4;
  p0 = 0;
  p1 = 0;
  p2 = 0;
  p3 = 0;
  lengthBits = 0;
  hopFamily: 4 | 6 = 6;
  h0 = 0;
  h1 = 0;
  h2 = 0;
  h3 = 0;
  targetVni = 0;
  hopType: NextHopType = 0;
  natPortFrom = 0;
  natPortTo = 0;
  /** The frame was in canonical form, with host bits zero: its bytes may be passed on unchanged. */
  canonical = false;
}

/** The numbers of a route in {@link UpdateFields}. */
export type RouteFields = Readonly<Omit<UpdateFields, "action" | "canonical">>;
