import type { IpAddress, Prefix } from "../net/ip.ts";
import type { Action, NextHopType } from "./protocol.ts";

/** A next hop is where packets for a destination are sent. All five fields together are its identity. */
export interface NextHop {
  readonly address: IpAddress;
  readonly targetVni: number;
  readonly type: NextHopType;
  /** The first and last port of a NAT next hop's range, 0 to 65535; 0 for other types. */
  readonly natPortFrom: number;
  readonly natPortTo: number;
}

/** A frame's content as an object, for tests, tools and the edges. The hot path decodes into {@link UpdateFields}. */
export type Message =
  | {
      readonly type: "HELLO";
      readonly keepaliveSeconds: number;
      readonly isServer: boolean;
      /** A BunBond server's id in 16 hex digits; other programs send none. */
      readonly serverId?: string;
    }
  /** With `endOfRib` it is an End-of-RIB: all existing routes of that VNI have been sent. */
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
 * An UPDATE in plain numbers. The decoder fills it in place, and it is read at once: there is one object per connection
 * or process, never one per message. Words are signed 32-bit integers (see net/ip.ts), VNIs are unsigned. The
 * destination's host bits are cleared.
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
  /** True if the frame was in canonical form, with host bits zero: its bytes may be passed on unchanged. */
  canonical = false;
}

/** The numbers of a route in {@link UpdateFields}. */
export type RouteFields = Readonly<Omit<UpdateFields, "action" | "canonical">>;
