/** Why a daemon does not do its work yet, or no longer, for `/readyz` and the metric bunbond_ready. */
import type { ClientCore } from "../../client/client-core.ts";
import type { InstallerStatus } from "../../kernel/reconcile/status.ts";
import type { Server } from "../../server/server.ts";

/** The reasons, with the explanation that help gives, in Markdown. */
export const UNREADY_REASONS = {
  stopping: "the daemon is stopping",
  deferral: "server: after a start, or a suspension, it waits for its clients to return (`--settle`)",
  "no-server": "client: no server is established",
  "initial-sync":
    "client: the routes of a VNI have not all been received yet, for the first time since it was subscribed",
  disagreement:
    "client with `--require-agreement`: servers disagree about the routes of a VNI (`bunbond help agreement`)",
  kernel: "client: the tunnel device is not usable, or the kernel does not have a route that it should have",
} as const;

export interface UnreadyReason {
  readonly reason: keyof typeof UNREADY_REASONS;
  /** What is the matter, for people. */
  readonly message: string;
}

export function serverReadiness(server: Server, isStopping: boolean): UnreadyReason[] {
  const reasons: UnreadyReason[] = [];
  if (isStopping) reasons.push({ reason: "stopping", message: "the server is stopping" });
  if (!server.stats().isSettled) {
    const message =
      "the server waits for its clients to return, and does not say yet that its tables are complete";
    reasons.push({ reason: "deferral", message });
  }
  return reasons;
}

/** What makes a client unready; a reload may change it. */
export interface ClientReadiness {
  readonly isAgreementRequired: boolean;
}

/** @param kernel null if the client installs no routes, or only shows what it would do */
export function clientReadiness(
  client: ClientCore,
  kernel: InstallerStatus | null,
  isStopping: boolean,
  { isAgreementRequired }: ClientReadiness,
): UnreadyReason[] {
  const reasons: UnreadyReason[] = [];
  if (isStopping) reasons.push({ reason: "stopping", message: "the client is stopping" });
  if (!client.servers().some(({ state }) => state === "established")) {
    reasons.push({ reason: "no-server", message: "no server is established; 'bunbond status' says why" });
  }
  const waiting = Array.from(client.subscriptions()).filter((vni) => !client.isComplete(vni));
  if (waiting.length > 0) {
    const shown = waiting.slice(0, SHOWN_VNIS).join(", ");
    const message = `the routes of ${waiting.length} VNIs are not complete yet: ${shown}${waiting.length > SHOWN_VNIS ? ", …" : ""}`;
    reasons.push({ reason: "initial-sync", message });
  }
  const disagreement = isAgreementRequired ? client.agreementProblem : null;
  if (disagreement !== null) reasons.push({ reason: "disagreement", message: disagreement });
  for (const message of kernel === null ? [] : kernelProblems(kernel))
    reasons.push({ reason: "kernel", message });
  return reasons;
}

const SHOWN_VNIS = 10;

function kernelProblems({ problems, tables }: InstallerStatus): string[] {
  const found: string[] = [...problems];
  const counts = tables.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6]);
  const notInstalled = counts.reduce((sum, { failed, collided }) => sum + failed + collided, 0);
  if (notInstalled > 0) {
    found.push(
      `${notInstalled} destinations cannot be installed as they should be; 'bunbond status' names the first of them`,
    );
  }
  return found;
}
