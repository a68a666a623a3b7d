/** The device that routes leave by: found by its name, and whether packets that go into it will arrive. */
import { KernelError, type Link } from "./kernel.ts";

/** The module ip6_tunnel makes it itself when it is loaded. */
const FALLBACK_DEVICE = "ip6tnl0";
/** A name that is free on most systems. */
const OTHER_DEVICE = "overlay0";

/**
 * The link of that name.
 * @throws KernelError DEVICE_MISSING
 */
export function findTunnel(links: readonly Link[], name: string): Link {
  const link = links.find((candidate) => candidate.name === name);
  if (link !== undefined) return link;
  throw new KernelError("DEVICE_MISSING", `there is no device ${name}: ${remedy(name)}`);
}

/** What is wrong with the device, and the commands that help; null: nothing that we know of. */
export function tunnelWarning({ name, isUp, isExternal }: Link): string | null {
  if (isExternal === false) {
    const isFallback = name === FALLBACK_DEVICE;
    const which = isFallback
      ? "the ip6_tunnel module's own fallback device, which is not external"
      : "not external";
    const removal = isFallback ? "" : `ip link del ${name}; `;
    return `${name} is ${which}, so packets do not reach their hypervisors: ${removal}${remedy(name)}`;
  }
  if (!isUp) return `${name} is down, so the kernel takes no routes by it: ip link set ${name} up`;
  return null;
}

/** How to come to a right one. The fallback device's name is taken as soon as the first tunnel loads the module. */
function remedy(name: string): string {
  if (name === FALLBACK_DEVICE) return `${makeCommands(OTHER_DEVICE)}, and --tun ${OTHER_DEVICE}`;
  return makeCommands(name);
}

function makeCommands(name: string): string {
  return `ip link add ${name} type ip6tnl mode any external && ip link set ${name} up`;
}
