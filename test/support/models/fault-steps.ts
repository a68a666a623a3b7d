/** What can happen to the servers and clients of a network under faults (network-under-faults.ts): an operator's wishes, and faults. */
import fc from "fast-check";
import { DEFAULT_STALE_TIMES, type StaleTimes } from "../../../src/client/view/stale-timers.ts";

export const CLIENTS = [0, 1, 2, 3] as const;
export const PORTS: readonly number[] = [1, 2];
/** A second name of server 1. */
export const TWIN_PORT = 3;
/** Clients with Go's habits, which know server 1 only. */
export const GO_CLIENTS = [0, 1] as const;
export const VNIS = [100, 200] as const;
export const ROUTES: readonly string[] = [
  "100 10.0.1.0/24 via 2001:db8::1",
  "100 10.0.1.0/24 via 2001:db8::2 type nat ports 1-9",
  "100 ::/0 via 2001:db8::3",
  "200 10.0.1.0/24 via 2001:db8::1",
  "200 fd00::/64 via 2001:db8::2 type lb",
  "200 0.0.0.0/0 via 2001:db8::4",
];

/** What the clients with Go's habits announce: one of them also what others may announce. */
export const GO_ROUTES: readonly (readonly string[])[] = [
  ["100 10.8.0.0/24 via 2001:db8::a", "100 10.0.1.0/24 via 2001:db8::1"],
  ["100 10.8.1.0/24 via 2001:db8::b"],
];
export const GO_VNI = 100;

/** How a client's process ends before the next one starts. */
const ENDS = ["withdraw", "keep", "kill", "reset", "vanish"] as const;
export type End = (typeof ENDS)[number];

export type Step =
  | readonly ["announce" | "withdraw", client: number, route: string]
  | readonly ["subscribe" | "unsubscribe", client: number, vni: number]
  | readonly ["drain" | "undrain", client: number]
  /** "replace server": as by a configuration read anew, which holds the routes of the one that is removed. */
  | readonly ["add server" | "remove server" | "replace server", client: number, port: number]
  /** Its connection; or all that it told, and the connection. */
  | readonly ["reset server" | "drop server's routes", client: number, port: number]
  /** And a new one of the same wishes, but for a route that it wants no more. */
  | readonly ["restart client", client: number, how: End, forgotten: string]
  /** The process stands still; connections to it are made, and nothing is read. */
  | readonly ["pause client" | "resume client", client: number]
  | readonly ["pause server" | "resume server", port: number]
  /** With its clock; afterwards the time of day is set right, or not. */
  | readonly ["pause machine of client" | "pause machine of server", which: number]
  | readonly ["set time of day", byMs: number]
  | readonly ["restart Go client" | "pause Go client" | "resume Go client", which: number]
  /** An operator's word at the server. */
  | readonly ["reset peer", port: number, which: number]
  | readonly ["configure server", port: number, keepaliveSeconds: number, retainSeconds: number]
  | readonly ["kill server" | "stop server", port: number]
  | readonly ["start server", port: number, settleSeconds: number, retainSeconds: number]
  /** One connection breaks, at random: both sides are told, one of them, or none. */
  | readonly ["cut" | "cut at client" | "cut at server" | "cut in silence", which: number]
  /** What is sent to and from the server stays under way, for whatever is connected now. */
  | readonly ["stall" | "resume", port: number]
  /** That, and nobody gets through to it any more. */
  | readonly ["part" | "join", port: number]
  /** One way, each time a random part of it. */
  | readonly ["delay", upToMs: number]
  /** Time passes, and nobody runs: the machine was suspended. */
  | readonly ["suspend", ms: number]
  | readonly ["wait", ms: number];

const client = fc.constantFrom(...CLIENTS);
const port = fc.constantFrom(1, 2);
const portName = fc.constantFrom(1, 2, TWIN_PORT);
const goClient = fc.constantFrom(...GO_CLIENTS);

export const arbitraryStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(fc.constantFrom("announce", "withdraw"), client, fc.constantFrom(...ROUTES)),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(fc.constantFrom("subscribe", "unsubscribe"), client, fc.constantFrom(...VNIS)),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom("drain", "undrain"), client) },
  { weight: 3, arbitrary: fc.tuple(fc.constantFrom("add server", "remove server"), client, portName) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("replace server"), client, portName) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom("reset server", "drop server's routes"), client, port) },
  {
    weight: 2,
    arbitrary: fc.tuple(
      fc.constant("restart client"),
      client,
      fc.constantFrom(...ENDS),
      fc.constantFrom(...ROUTES),
    ),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom("pause client", "resume client"), client) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom("pause server", "resume server"), port) },
  {
    weight: 1,
    arbitrary: fc.oneof(
      fc.tuple(fc.constant("pause machine of client"), client),
      fc.tuple(fc.constant("pause machine of server"), port),
      fc.tuple(
        fc.constant("set time of day"),
        fc.constantFrom(-3_600_000, -20_000, 1_000, 20_000, 86_400_000),
      ),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(
      fc.constantFrom("restart Go client", "pause Go client", "resume Go client"),
      goClient,
    ),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constant("reset peer"), port, fc.nat(7)) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constant("configure server"), port, fc.constantFrom(1, 5), fc.constantFrom(0, 10)),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom("kill server", "stop server"), port) },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constant("start server"), port, fc.constantFrom(0, 15), fc.constantFrom(0, 10)),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(
      fc.constantFrom("cut", "cut at client", "cut at server", "cut in silence"),
      fc.nat(7),
    ),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom("stall", "resume", "part", "join"), port) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("delay"), fc.constantFrom(0, 20, 400)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("suspend"), fc.constantFrom(2_000, 30_000)) },
  { weight: 4, arbitrary: fc.tuple(fc.constant("wait"), fc.integer({ min: 1, max: 800 })) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("wait"), fc.integer({ min: 1_000, max: 20_000 })) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("wait"), fc.integer({ min: 20_000, max: 90_000 })) },
);

/** The stale times to try: the default, at once, and so long that it does not help. */
export const arbitraryStaleTimes: fc.Arbitrary<StaleTimes> = fc.constantFrom(
  DEFAULT_STALE_TIMES,
  { staleTimeMs: 0, staleTimeAloneMs: 0 },
  { staleTimeMs: 3_600_000, staleTimeAloneMs: 3_600_000 },
);
