/** What a run is to do: the modes and their sizes. */
import type { Endpoint } from "../../net/endpoint.ts";

/** Every round: all routes are announced, then withdrawn, each time until everybody has heard of it. */
export interface FanoutWorkload {
  readonly mode: "fanout";
  readonly subscribers: number;
  readonly announcers: number;
  /** Of all announcers together; a multiple of their number. */
  readonly routes: number;
  readonly rounds: number;
}

/** The routes are loaded once; every round new subscribers come and get them all. */
export interface SyncWorkload {
  readonly mode: "sync";
  readonly subscribers: number;
  readonly announcers: number;
  readonly routes: number;
  readonly rounds: number;
}

/** One update at a time, at a steady pace. */
export interface LatencyWorkload {
  readonly mode: "latency";
  readonly subscribers: number;
  /** Even: half of them ADDs. */
  readonly updates: number;
  readonly rate: number;
}

/** Every client subscribes, announces batches and withdraws them. */
export interface ChurnWorkload {
  readonly mode: "churn";
  readonly clients: number;
  readonly batch: number;
  readonly seconds: number;
  /** As fast as the server takes it; else a client's next batch waits until everybody has heard of the last. */
  readonly unpaced: boolean;
}

export type Workload = FanoutWorkload | SyncWorkload | LatencyWorkload | ChurnWorkload;
export type Mode = Workload["mode"];

export interface BenchOptions {
  readonly server: Endpoint;
  readonly workload: Workload;
  readonly vni: number;
  /** Of the prefixes; hops are IPv6. */
  readonly family: 4 | 6;
  readonly workers: number;
  /** Announce in small steps, for Go's servers. */
  readonly paced: boolean;
  readonly keepaliveSeconds: number;
  /** The run ends when nothing has moved for so long. */
  readonly timeoutSeconds: number;
  /** The server's process on this machine, to be measured; null: none. */
  readonly serverPid: number | null;
  readonly json: boolean;
}
