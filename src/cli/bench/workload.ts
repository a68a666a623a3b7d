/** The modes of a run and their sizes. */
import type { Endpoint } from "../../net/endpoint.ts";

/** In every round all routes are announced, then withdrawn; each step ends when all subscribers have received it. */
export interface FanoutWorkload {
  readonly mode: "fanout";
  readonly subscribers: number;
  readonly announcers: number;
  /** Routes of all announcers together; a multiple of the number of announcers. */
  readonly routes: number;
  readonly rounds: number;
}

/** The routes are loaded once; in every round new subscribers connect and get all of them. */
export interface SyncWorkload {
  readonly mode: "sync";
  readonly subscribers: number;
  readonly announcers: number;
  readonly routes: number;
  readonly rounds: number;
}

/** Single updates are sent at a steady rate. */
export interface LatencyWorkload {
  readonly mode: "latency";
  readonly subscribers: number;
  /** An even number: half of them are ADDs. */
  readonly updates: number;
  readonly rate: number;
}

/** Every client subscribes, and announces and withdraws batches. */
export interface ChurnWorkload {
  readonly mode: "churn";
  readonly clients: number;
  readonly batch: number;
  readonly seconds: number;
  /**
   * True if batches are sent as fast as the server takes them. If false, the next batch of a client waits until all
   * have received its last one.
   */
  readonly unpaced: boolean;
}

export type Workload = FanoutWorkload | SyncWorkload | LatencyWorkload | ChurnWorkload;
export type Mode = Workload["mode"];

export interface BenchOptions {
  readonly server: Endpoint;
  readonly workload: Workload;
  readonly vni: number;
  /** The family of the prefixes; hops are IPv6. */
  readonly family: 4 | 6;
  readonly workers: number;
  /** Announce in small steps, for Go's servers. */
  readonly paced: boolean;
  readonly keepaliveSeconds: number;
  /** The run ends when nothing was sent or received for this long. */
  readonly timeoutSeconds: number;
  /** The process of the server on this machine, which is measured; null if there is none. */
  readonly serverPid: number | null;
  readonly json: boolean;
}
