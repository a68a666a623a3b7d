/**
 * Follows the device by which routes leave, and checks whether packets that go into it will arrive.
 *
 * The device is found by its name. The kernel knows it by its index: a device that was made anew has another index, and one
 * that was renamed keeps its routes. So the renamed device is used until there is one of the old name, which has to be up
 * unless neither is.
 */

import type { EventLog } from "../../base/log-event.ts";
import * as LOG from "../../base/log-events.ts";
import { KernelError, type Link } from "../kernel.ts";
import type { KernelOptionNames } from "../option-names.ts";
import { OPTION_NAMES } from "../option-names.ts";

/** The module ip6_tunnel makes this device itself when it is loaded. */
const FALLBACK_DEVICE = "ip6tnl0";
/** IPV6_MIN_MTU (RFC 8200, section 5): on a link with a smaller MTU, Linux has no IPv6. */
const LEAST_MTU_BYTES = 1280;
/** A name that is free on most systems. */
const OTHER_DEVICE = "overlay0";

export class TunnelDevice {
  readonly #name: string;
  readonly #logger: EventLog;
  readonly #optionNames: KernelOptionNames;
  #link: Link | null = null;
  /** What {@link tunnelProblems} found when the links were last looked at. */
  #problems: readonly string[] = [];
  #refusalCauses: readonly string[] = [];

  constructor(name: string, logger: EventLog, optionNames: KernelOptionNames = OPTION_NAMES) {
    this.#name = name;
    this.#logger = logger;
    this.#optionNames = optionNames;
  }

  /** The device as it was last seen; null if there is none. */
  get link(): Link | null {
    return this.#link;
  }

  get isUp(): boolean {
    return this.#link?.isUp ?? false;
  }

  /**
   * Finds the device for the first time.
   * @throws KernelError DEVICE_MISSING
   */
  find(links: readonly Link[]): Link {
    const link = findTunnel(links, this.#name, this.#optionNames);
    this.#link = link;
    this.#judge(links, true);
    return link;
  }

  /** Why packets or routes do not leave by it, each with the command that helps. */
  get problems(): readonly string[] {
    return this.#link === null ? [missing(this.#name, this.#optionNames)] : this.#problems;
  }

  /** The {@link problems} for which the kernel refuses routes by it. */
  get refusalCauses(): readonly string[] {
    return this.#link === null ? this.problems : this.#refusalCauses;
  }

  /** Takes up what has changed: the links are these now. */
  look(links: readonly Link[]): void {
    const before = this.#link;
    const index = before?.index;
    const named = links.find((link) => link.name === this.#name);
    const followed = links.find((link) => link.index === index);
    this.#become((followed?.isUp && !named?.isUp ? followed : (named ?? followed)) ?? null);
    this.#judge(links, this.#link?.index !== before?.index);
  }

  /**
   * The links are these now: takes up what has changed of the device but its index, its name, and whether it is up. Those
   * concern what the kernel holds, and are for {@link look}. Returns false if one of them has changed.
   */
  lookAgain(links: readonly Link[]): boolean {
    const before = this.#link;
    const link = links.find(({ index }) => index === before?.index);
    if (before === null || link?.name !== before.name || link.isUp !== before.isUp) return false;
    this.#link = link;
    this.#judge(links, false);
    return true;
  }

  /** Whether the link is our device, and has other settings than when it was last seen. */
  hasChanged(link: Link): boolean {
    const before = this.#link;
    return link.index === before?.index && !Bun.deepEquals(link, before);
  }

  /** Handles a notification about a link; null: it has gone. Returns true if it concerns us, and the kernel is to be scanned. */
  handle(index: number, link: Link | null): boolean {
    const before = this.#link;
    if (before === null || index !== before.index) return link?.name === this.#name;
    if (link !== null && link.name === before.name && link.isUp === before.isUp) return false;
    // From now on no operation is tried.
    if (!link?.isUp) this.#become(link);
    return true;
  }

  #become(link: Link | null): void {
    const logger = this.#logger;
    const device = this.#name;
    const before = this.#link;
    this.#link = link;
    if (before?.isUp && !link?.isUp) {
      const state = link === null ? "gone" : "down";
      const remedy = link === null ? remedyFor(device, this.#optionNames) : upCommand(link.name);
      logger.log(LOG.deviceDown, {
        device,
        state,
        remedy,
      });
    }
    if (link === null) return;
    const isSame = link.index === before?.index;
    if (link.isUp && !before?.isUp) logger.log(LOG.deviceUp, { device });
    else if (link.isUp && !isSame) logger.log(LOG.deviceRecreated, { device });
    if (isSame && link.name !== before.name && link.name !== device) {
      logger.log(LOG.deviceRenamed, {
        device,
        name: link.name,
      });
    }
  }

  /** Logs the problems that are new, or all of a new device. */
  #judge(links: readonly Link[], isNewDevice: boolean): void {
    const link = this.#link;
    const before = isNewDevice ? [] : this.#problems;
    this.#problems = link === null ? [] : tunnelProblems(link, links, this.#optionNames);
    this.#refusalCauses = link === null ? [] : refusalCauses(link, links);
    for (const problem of this.#problems) {
      // That it went down was logged before.
      if (!before.includes(problem) && (isNewDevice || link?.isUp))
        this.#logger.log(LOG.deviceProblem, { problem });
    }
    if (before.length > 0 && this.#problems.length === 0 && link !== null) {
      this.#logger.log(LOG.deviceProblemsSolved, { device: link.name });
    }
  }
}

/**
 * Finds the link of that name.
 * @throws KernelError DEVICE_MISSING
 */
export function findTunnel(links: readonly Link[], name: string, optionNames: KernelOptionNames): Link {
  const link = links.find((candidate) => candidate.name === name);
  if (link !== undefined) return link;
  throw new KernelError("DEVICE_MISSING", missing(name, optionNames));
}

/**
 * Returns what is wrong with the device, and the commands that help, the gravest first; empty if nothing is known to be.
 * `links`: all links, including the device.
 */
export function tunnelProblems(
  link: Link,
  links: readonly Link[],
  optionNames: KernelOptionNames,
): readonly string[] {
  const external = externalProblem(link, optionNames);
  if (external === null) return refusalCauses(link, links);
  // The fallback device is of no use, whatever else is wrong with it.
  return link.name === FALLBACK_DEVICE ? [external] : [external, ...refusalCauses(link, links)];
}

/** The problems for which the kernel refuses routes by it. */
function refusalCauses(link: Link, links: readonly Link[]): string[] {
  return [ipv6Problem(link, links), upProblem(link)].filter((problem) => problem !== null);
}

function missing(name: string, optionNames: KernelOptionNames): string {
  return `there is no device ${name}: ${remedyFor(name, optionNames)}`;
}

/** Objects are IPv6 ones, for routes of both families. Without IPv6 the kernel refuses new ones; existing ones still work. */
function ipv6Problem({ name, mtuBytes, ipv6 }: Link, links: readonly Link[]): string | null {
  if (mtuBytes < LEAST_MTU_BYTES) {
    return `${name} has an MTU of ${mtuBytes}, and IPv6, by which all routes leave, needs ${LEAST_MTU_BYTES}: ip link set ${name} mtu ${LEAST_MTU_BYTES}, or more`;
  }
  if (ipv6 === "on") return null;
  const isEverywhere = (state: Link["ipv6"]) =>
    links.every((link) => link.ipv6 === state || link.mtuBytes < LEAST_MTU_BYTES);
  if (ipv6 === "off") {
    const where = isEverywhere("off") ? "all" : name;
    const which = where === "all" ? "all devices" : name;
    return `IPv6, by which all routes leave, is switched off on ${which}: sysctl -w ${disableIpv6(where)}=0 (and ${disableIpv6("default")}=0 for devices that are made later)`;
  }
  if (isEverywhere("none")) {
    return "this kernel runs without IPv6, by which all routes leave: take ipv6.disable=1 off its command line, or load the module ipv6";
  }
  return `${name} has no IPv6, by which all routes leave, as after a change of its MTU or with a kind that cannot: ip link set ${name} down && ip link set ${name} up`;
}

/** The sysctl's name; with slashes if the device's name has a dot, which is no separator. */
function disableIpv6(device: string): string {
  const words = ["net", "ipv6", "conf", device, "disable_ipv6"];
  return words.join(device.includes(".") ? "/" : ".");
}

function externalProblem({ name, isExternal }: Link, optionNames: KernelOptionNames): string | null {
  if (isExternal === true) return null;
  if (isExternal === null) {
    return `${name} is no tunnel that we know, so packets may leave it as they are: ${otherDevice(optionNames)}`;
  }
  const isFallback = name === FALLBACK_DEVICE;
  const which = isFallback
    ? "the ip6_tunnel module's own fallback device, which is not external"
    : "not external";
  const removal = isFallback ? "" : `ip link del ${name}; `;
  return `${name} is ${which}, so packets do not reach their hypervisors: ${removal}${remedyFor(name, optionNames)}`;
}

function upProblem({ name, isUp }: Link): string | null {
  if (isUp) return null;
  return `${name} is down or without a carrier, so the kernel takes no routes by it: ${upCommand(name)}`;
}

function upCommand(name: string): string {
  return `ip link set ${name} up`;
}

/** How to come to a right one. The fallback device's name is taken as soon as the first tunnel loads the module. */
function remedyFor(name: string, optionNames: KernelOptionNames): string {
  return name === FALLBACK_DEVICE ? otherDevice(optionNames) : makeCommands(name);
}

function otherDevice({ device }: KernelOptionNames): string {
  return `${makeCommands(OTHER_DEVICE)}, and ${device} ${OTHER_DEVICE}`;
}

function makeCommands(name: string): string {
  return `ip link add ${name} type ip6tnl mode any external && ip link set ${name} up`;
}
