/** What is in a hypervisor's kernel, in the words of iproute2. */
import type { Hypervisor } from "./network.ts";
import { runInside, TABLE } from "./network.ts";

/** All routes and nexthop objects, anybody's, one line each. */
export async function dump({ name }: Hypervisor): Promise<string[]> {
  const texts = [
    await runInside(name, "ip", "-4", "-d", "-o", "route", "show", "table", "all"),
    await runInside(name, "ip", "-6", "-d", "-o", "route", "show", "table", "all"),
    await runInside(name, "ip", "-d", "-o", "nexthop", "show"),
  ];
  return texts.flatMap((text) => text.split("\n").filter((line) => line !== "")).sort();
}

/** The id of the nexthop object that the table's route to the destination names; null without such a route. */
export async function nexthopOf({ name }: Hypervisor, destination: string): Promise<number | null> {
  const family = destination.includes(":") ? "-6" : "-4";
  const line = await runInside(
    name,
    "ip",
    family,
    "-o",
    "route",
    "show",
    "table",
    `${TABLE}`,
    "exact",
    destination,
  );
  const [, id] = /\bnhid (\d+)/.exec(line) ?? [];
  return id === undefined ? null : Number(id);
}

/** The underlay addresses to which the route to the destination sends, sorted; none without such a route. */
export async function hopsOf(hypervisor: Hypervisor, destination: string): Promise<string[]> {
  const id = await nexthopOf(hypervisor, destination);
  if (id === null) return [];
  // As "id 5 encap ip6 id 0 src :: dst 2001:db8:b::1 … dev tun0 …" or "id 7 group 5/6 …".
  const text = await runInside(hypervisor.name, "ip", "-o", "nexthop", "show");
  const objects = new Map<string, string>();
  for (const [line, lineId = ""] of text.matchAll(/^id (\d+) .*$/gm)) objects.set(lineId, line);
  const [, members = `${id}`] = /\bgroup (\S+)/.exec(objects.get(`${id}`) ?? "") ?? [];
  const addresses = members.split("/").map((member) => {
    const [, address = "nowhere"] = /\bdst (\S+)/.exec(objects.get(member.split(",")[0] ?? "") ?? "") ?? [];
    return address;
  });
  return addresses.sort();
}
