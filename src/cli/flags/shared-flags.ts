/** Flags that have the same meaning in several commands, and how their values are read. */
import type { Endpoint } from "../../net/endpoint.ts";
import type { Pacing } from "../../transport/pacing.ts";
import { DEFAULT_HTTP_PORT, DEFAULT_KEEPALIVE_SECONDS } from "../../wire/protocol.ts";
import type { SwitchDef, ValueFlagDef } from "../program/command-definition.ts";
import { readEndpoint, readOneOf, readWholeNumber } from "./values.ts";

/** With a longer interval a dead peer would stay for more than 2.5 hours. */
const MAX_KEEPALIVE_SECONDS = 3600;

export const keepaliveFlag = {
  type: "string",
  valueHint: "SEC",
  example: "5",
  default: `${DEFAULT_KEEPALIVE_SECONDS}`,
  description: `Keepalive interval, 1 to ${MAX_KEEPALIVE_SECONDS} seconds; client and server use the smaller of their intervals. A peer that is silent for 2.5 intervals is disconnected.`,
} satisfies ValueFlagDef;

export function readKeepalive(text: string): number {
  return readWholeNumber("--keepalive", text, 1, MAX_KEEPALIVE_SECONDS, "seconds");
}

export const httpFlag = {
  type: "string",
  valueHint: "ADDR[:PORT]",
  example: `[::1]:${DEFAULT_HTTP_PORT}`,
  description: `Serve /routes.json, /routes.yaml and /healthz on this address. Port ${DEFAULT_HTTP_PORT} if left out.`,
} satisfies ValueFlagDef;

/** Returns null if the flag was not given: there is no HTTP. */
export function readHttp(text: string | undefined): Endpoint | null {
  return text === undefined ? null : readEndpoint("--http", text, DEFAULT_HTTP_PORT, "listen");
}

export const httpHostFlag = {
  type: "string",
  repeatable: true,
  valueHint: "NAME",
  example: "routes.example",
  description:
    "Also answer HTTP requests for this host name, as when a reverse proxy passes its own name on. Requests for addresses, localhost and a name in --http are always answered.",
} satisfies ValueFlagDef;

export const verboseFlag = {
  type: "boolean",
  alias: "v",
  description: "Log debug messages, and show where in the program an error occurred.",
} satisfies SwitchDef;

export const configFlag = {
  type: "string",
  valueHint: "FILE",
  example: "/etc/bunbond/client.yaml",
  description:
    "Read settings from this YAML file: flags by their long names, as in keepalive: 5. A flag on the command line replaces the setting in the file, even a whole list. On SIGHUP the file is read again, and changes take effect.",
} satisfies ValueFlagDef;

const PACINGS = ["auto", "always", "never"] as const satisfies readonly Pacing[];

export function pacingFlag(description: string) {
  return {
    type: "string",
    formerName: "gentle",
    valueHint: "auto|always|never",
    example: "auto",
    default: "auto",
    description,
  } satisfies ValueFlagDef;
}

export function readPacing(text: string): Pacing {
  return readOneOf("--pacing", text, PACINGS);
}
