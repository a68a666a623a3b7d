/** What the overview says of a daemon's status. */
import type { ClientStatus, ServerStatus } from "../../http/control/api.ts";
import { counted, formatCount } from "./format.ts";

export interface OverviewFact {
  readonly name: string;
  readonly value: string;
  readonly isProblem: boolean;
}

export function overviewFacts(status: ServerStatus | ClientStatus): OverviewFact[] {
  return status.program === "server" ? serverFacts(status) : clientFacts(status);
}

function fact(name: string, value: string, isProblem = false): OverviewFact {
  return { name, value, isProblem };
}

function serverFacts(status: ServerStatus): OverviewFact[] {
  const { peers, establishedPeers, routes, vniCount, retainedAnnouncements, settled } = status;
  return [
    fact("Listens on", status.listen),
    fact("Peers", `${formatCount(establishedPeers)} of ${formatCount(peers)} established`),
    fact("Routes", formatCount(routes)),
    fact("VNIs", formatCount(vniCount)),
    fact("Retained announcements", formatCount(retainedAnnouncements), retainedAnnouncements > 0),
    fact("Settled", settled ? "yes" : "no: End-of-RIBs are held back", !settled),
  ];
}

const SHOWN_VNIS = 5;

function clientFacts(status: ClientStatus): OverviewFact[] {
  const { servers, routes, announcements, vnis, kernel } = status;
  const established = servers.filter(({ state }) => state === "established").length;
  const stale = servers.reduce((sum, { staleRoutes }) => sum + staleRoutes, status.removedServersRoutes);
  return [
    fact("Servers", `${established} of ${servers.length} established`, established < servers.length),
    fact("Routes", formatCount(routes)),
    fact("Announced", formatCount(announcements)),
    fact("Subscribed", counted(vnis.filter(({ subscribed }) => subscribed).length, "VNI")),
    fact("Stale routes", formatCount(stale), stale > 0),
    fact(
      "Servers disagree",
      status.disagreements.length === 0
        ? "about no VNI"
        : `about VNI ${status.disagreements
            .map(({ vni }) => vni)
            .slice(0, SHOWN_VNIS)
            .join(", ")}`,
      status.disagreements.length > 0,
    ),
    ...(kernel === null ? [] : kernelFacts(kernel)),
  ];
}

function kernelFacts({
  device,
  deviceState,
  tables,
  drift,
}: NonNullable<ClientStatus["kernel"]>): OverviewFact[] {
  let [wanted, installed] = [0, 0];
  for (const table of tables) {
    wanted += table.wanted;
    installed += table.installed;
  }
  return [
    fact("In the kernel", `${formatCount(installed)} of ${formatCount(wanted)}`, installed < wanted),
    fact("Tunnel device", `${device} is ${deviceState}`, deviceState !== "up"),
    fact("Repaired drift", formatCount(drift)),
  ];
}
