/** A session driven by rows of time, event, what it answers and where it stands then. */
import { describeCloseReason } from "../../../src/session/close-reason.ts";
import { Session, type SessionAction, type SessionEvent } from "../../../src/session/session.ts";

/** Milliseconds, event, actions (", " between), state. Events: "hello 5", "hello 5 server", "keepalive", … */
export type Row = readonly [atMs: number, event: string, actions: string, state: string];

export interface SessionRows {
  readonly role: "client" | "server";
  /** Default 5. */
  readonly keepaliveSeconds?: number;
  readonly rows: readonly Row[];
}

export const NONE = "";

export const CLIENT_UP: readonly Row[] = [
  [0, "connected", "send-hello 5", "hello-sent"],
  [10, "hello 5 server", "send-keepalive", "hello-received"],
  [20, "keepalive", "established", "established"],
];

export const SERVER_UP: readonly Row[] = [
  [0, "hello 5", "send-hello 5 server", "hello-sent"],
  [0, "keepalive", "send-keepalive, established", "established"],
];

/** The rows as they really come out; equal to those given when the session is right. */
export function realRows({ role, keepaliveSeconds = 5, rows }: SessionRows): Row[] {
  const session = new Session({ role, keepaliveSeconds }, 0);
  return rows.map(([atMs, event]) => {
    const actions = session.handle(eventOf(event), atMs).map(textOf).join(", ");
    return [atMs, event, actions, session.state];
  });
}

/** A session to which all that has happened. */
export function sessionAfter({ role, keepaliveSeconds = 5, rows }: SessionRows): Session {
  const session = new Session({ role, keepaliveSeconds }, 0);
  for (const [atMs, event] of rows) session.handle(eventOf(event), atMs);
  return session;
}

function eventOf(text: string): SessionEvent {
  const [type, interval, server] = text.split(" ");
  switch (type) {
    case "hello":
      return { type, keepaliveSeconds: Number(interval), isServer: server === "server" };
    case "close":
      return { type, reason: { reason: "stopped" } };
    case "connected":
    case "keepalive":
    case "data":
    case "timer":
      return { type };
    default:
      throw new Error(`no event: "${text}"`);
  }
}

function textOf(action: SessionAction): string {
  if (action.type === "close") {
    // What else a reason says is for people.
    const { detail: _, ...stable } = action.reason;
    return `close ${describeCloseReason(stable)}`;
  }
  if (action.type !== "send-hello") return action.type;
  return `send-hello ${action.keepaliveSeconds}${action.isServer ? " server" : ""}`;
}
