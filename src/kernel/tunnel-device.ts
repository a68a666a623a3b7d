/**
 * The device that routes leave by, and whether packets that go into it will arrive.
 *
 * It is found by its name. The kernel knows it by its index: one that was made anew has another, and one that was given
 * another name keeps its routes. So that is followed, until there is one of the old name again, and up unless neither is.
 */
import type { Logger } from "../session/logger.ts";
import { KernelError, type Link } from "./kernel.ts";
import { type KernelOptionNames, OPTION_NAMES } from "./kernel-options.ts";

/** The module ip6_tunnel makes it itself when it is loaded. */
const FALLBACK_DEVICE = "ip6tnl0";
/** A name that is free on most systems. */
const OTHER_DEVICE = "overlay0";

export class TunnelDevice {
  #link: Link | null = null;

  constructor(
    private readonly name: string,
    private readonly logger: Logger,
    private readonly optionNames: KernelOptionNames = OPTION_NAMES,
  ) {}

  /** As it was seen last; null: there is none. */
  get link(): Link | null {
    return this.#link;
  }

  get isUp(): boolean {
    return this.#link?.isUp ?? false;
  }

  /**
   * Finds it for the first time.
   * @throws KernelError DEVICE_MISSING
   */
  find(links: readonly Link[]): Link {
    const link = findTunnel(links, this.name, this.optionNames);
    const warning = tunnelWarning(link, this.optionNames);
    if (warning !== null) this.logger.warn(warning);
    this.#link = link;
    return link;
  }

  /** The links are these now. */
  look(links: readonly Link[]): void {
    const index = this.#link?.index;
    const named = links.find((link) => link.name === this.name);
    const followed = links.find((link) => link.index === index);
    this.#become((followed?.isUp && !named?.isUp ? followed : (named ?? followed)) ?? null);
  }

  /** What the kernel tells of a link; null: it has gone. True: it concerns us, and the kernel is to be read. */
  hear(index: number, link: Link | null): boolean {
    const before = this.#link;
    if (before === null || index !== before.index) return link?.name === this.name;
    if (link !== null && link.name === before.name && link.isUp === before.isUp) return false;
    // From now on nothing is tried.
    if (!link?.isUp) this.#become(link);
    return true;
  }

  #become(link: Link | null): void {
    const { logger, name: device } = this;
    const before = this.#link;
    this.#link = link;
    if (before?.isUp && !link?.isUp) {
      const state = link === null ? "gone" : "down";
      logger.error("the tunnel device is no longer up: its routes are gone until it is", { device, state });
    }
    if (link === null) return;
    const isSame = link.index === before?.index;
    const warning = isSame ? null : externalWarning(link, this.optionNames);
    if (warning !== null) logger.warn(warning);
    if (link.isUp && !before?.isUp) logger.info("the tunnel device is up", { device });
    else if (link.isUp && !isSame) logger.warn("the tunnel device was made anew", { device });
    if (isSame && link.name !== before.name && link.name !== device) {
      logger.warn("the tunnel device has another name now; its routes stay with it", {
        device,
        name: link.name,
      });
    }
  }
}

/**
 * The link of that name.
 * @throws KernelError DEVICE_MISSING
 */
export function findTunnel(links: readonly Link[], name: string, optionNames: KernelOptionNames): Link {
  const link = links.find((candidate) => candidate.name === name);
  if (link !== undefined) return link;
  throw new KernelError("DEVICE_MISSING", `there is no device ${name}: ${remedy(name, optionNames)}`);
}

/** What is wrong with the device, and the commands that help; null: nothing that we know of. */
export function tunnelWarning(link: Link, optionNames: KernelOptionNames): string | null {
  return externalWarning(link, optionNames) ?? upWarning(link);
}

function externalWarning({ name, isExternal }: Link, optionNames: KernelOptionNames): string | null {
  if (isExternal === true) return null;
  if (isExternal === null) {
    return `${name} is no tunnel that we know, so packets may leave it as they are: ${otherDevice(optionNames)}`;
  }
  const isFallback = name === FALLBACK_DEVICE;
  const which = isFallback
    ? "the ip6_tunnel module's own fallback device, which is not external"
    : "not external";
  const removal = isFallback ? "" : `ip link del ${name}; `;
  return `${name} is ${which}, so packets do not reach their hypervisors: ${removal}${remedy(name, optionNames)}`;
}

function upWarning({ name, isUp }: Link): string | null {
  if (isUp) return null;
  return `${name} is down or without a carrier, so the kernel takes no routes by it: ip link set ${name} up`;
}

/** How to come to a right one. The fallback device's name is taken as soon as the first tunnel loads the module. */
function remedy(name: string, optionNames: KernelOptionNames): string {
  return name === FALLBACK_DEVICE ? otherDevice(optionNames) : makeCommands(name);
}

function otherDevice({ device }: KernelOptionNames): string {
  return `${makeCommands(OTHER_DEVICE)}, and ${device} ${OTHER_DEVICE}`;
}

function makeCommands(name: string): string {
  return `ip link add ${name} type ip6tnl mode any external && ip link set ${name} up`;
}
