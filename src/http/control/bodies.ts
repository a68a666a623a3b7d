/**
 * Reads bodies of control requests strictly: exactly the known fields, each of its type. The whole body is read before anything
 * is changed.
 */

import { LOG_LEVELS, type LogLevel } from "../../base/logger.ts";
import { AnnouncementError, parseAnnouncementText } from "../../route/announcement-text.ts";
import type { Route } from "../../route/route.ts";
import { MAX_VNI } from "../../wire/protocol.ts";
import { HttpError } from "../http-error.ts";
import { type DrainAction, MAX_ITEMS } from "./api.ts";

/** Reads {"routes": ["100#10.0.1.0/24@2001:db8::1", …]} */
export function readRoutes(body: unknown): Route[] {
  return listField(body, "routes").map((text, i) => {
    if (typeof text !== "string") throw bad(`routes[${i}] must be a text like 100#10.0.1.0/24@2001:db8::1`);
    try {
      return parseAnnouncementText(text).route;
    } catch (error) {
      if (error instanceof AnnouncementError) throw bad(`routes[${i}]: ${error.message}`);
      throw error;
    }
  });
}

/** Reads {"vnis": [100, …]} */
export function readVniList(body: unknown): number[] {
  return listField(body, "vnis").map((vni, i) => {
    if (typeof vni === "number" && Number.isInteger(vni) && vni >= 0 && vni <= MAX_VNI) return vni;
    throw bad(`vnis[${i}] must be a whole number from 0 to ${MAX_VNI}`);
  });
}

/** Reads {"peer": "7"} or {"peer": "[2001:db8::10]:4711"} */
export function readPeer(body: unknown): string {
  const peer = onlyField(body, "peer");
  if (typeof peer === "string" && peer !== "") return peer;
  throw bad("peer must be a text: a server's peer by its id, a client's server by its address");
}

/** Reads {"action": "start"} */
export function readDrainAction(body: unknown): DrainAction {
  const given = onlyField(body, "action");
  const action = (["start", "undo", "stop"] as const).find((known) => known === given);
  if (action !== undefined) return action;
  throw bad("action must be start, undo or stop");
}

/** Reads {"level": "debug"} */
export function readLogLevel(body: unknown): LogLevel {
  const given = onlyField(body, "level");
  const level = LOG_LEVELS.find((known) => known === given);
  if (level !== undefined) return level;
  throw bad(`level must be ${LOG_LEVELS.join(", ")}`);
}

function listField(body: unknown, name: string): unknown[] {
  const list = onlyField(body, name);
  if (Array.isArray(list) && list.length > 0 && list.length <= MAX_ITEMS) return list;
  throw bad(`${name} must be a list of 1 to ${MAX_ITEMS}`);
}

function onlyField(body: unknown, name: string): unknown {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw bad(`the body must be an object with ${name}`);
  }
  const fields = new Map<string, unknown>(Object.entries(body));
  const other = fields.keys().find((field) => field !== name);
  if (other !== undefined) throw bad(`unknown field ${JSON.stringify(other)}; there is only ${name}`);
  if (fields.has(name)) return fields.get(name);
  throw bad(`${name} is missing`);
}

function bad(message: string): HttpError {
  return new HttpError("BAD_BODY", message);
}
