/** What a client's host needs for routes in the kernel: the tunnel device, and other programs that leave the routes alone. */
import { unitCommandLine, unitText } from "./command-line.ts";
import { type ServiceFile, sectionsText } from "./service-file.ts";
import type { UnitDirectory } from "./service-units.ts";

/** The unit that makes the tunnel device. */
export const TUNNEL_UNIT = "bunbond-tunnel.service";

/** Returns a unit that makes the tunnel device, if there is none of that name, and leaves it in place at its stop. */
export function tunnelUnit(device: string, directory: UnitDirectory): ServiceFile {
  return tunnelUnitFile(`${directory}/${TUNNEL_UNIT}`, unitText(device), unitCommandLine([device]));
}

/** Returns the same as a template: bunbond-tunnel@DEVICE.service. */
export function tunnelTemplate(directory: UnitDirectory): ServiceFile {
  return tunnelUnitFile(`${directory}/bunbond-tunnel@.service`, "%i", "%i");
}

/** `name` and `word` are the device's name in a text and in a command line of a unit. */
function tunnelUnitFile(path: string, name: string, word: string): ServiceFile {
  return {
    path,
    text: sectionsText([
      [
        "Unit",
        [
          `Description=Tunnel device ${name} of BunBond`,
          "Documentation=man:bunbond-kernel(7)",
          "Before=network-online.target bunbond-client.service",
        ],
      ],
      [
        "Service",
        [
          "Type=oneshot",
          "RemainAfterExit=yes",
          "# It fails if the device is there.",
          `ExecStart=-ip link add ${word} type ip6tnl mode any external`,
          `ExecStart=ip link set ${word} up`,
          "CapabilityBoundingSet=CAP_NET_ADMIN",
          "NoNewPrivileges=yes",
          "ProtectSystem=strict",
          "ProtectHome=yes",
          "PrivateTmp=yes",
          "PrivateDevices=yes",
          "RestrictAddressFamilies=AF_NETLINK",
        ],
      ],
      ["Install", ["WantedBy=multi-user.target"]],
    ]),
  };
}

/** Returns files with which systemd-networkd (251 or newer) makes the tunnel device. */
export function networkdDevice(device: string): ServiceFile[] {
  const path = `/etc/systemd/network/50-bunbond-${device}`;
  return [
    {
      path: `${path}.netdev`,
      text: sectionsText([
        ["NetDev", [`Name=${unitText(device)}`, "Kind=ip6tnl"]],
        ["Tunnel", ["Mode=any", "External=yes"]],
      ]),
    },
    {
      path: `${path}.network`,
      text: sectionsText([
        ["Match", [`Name=${unitText(device)}`]],
        ["Link", ["RequiredForOnline=no"]],
        [
          "Network",
          [
            "# All routes need IPv6 on the device, those of IPv4, too.",
            "LinkLocalAddressing=ipv6",
            "IPv6AcceptRA=no",
            "ConfigureWithoutCarrier=yes",
          ],
        ],
      ]),
    },
  ];
}

/** Returns settings without which systemd-networkd removes the routes, nexthop objects and rules of others at its start. */
export function networkdDropIn(): ServiceFile {
  return {
    path: "/etc/systemd/networkd.conf.d/50-bunbond.conf",
    text: sectionsText([
      [
        "Network",
        [
          "# Without these, systemd-networkd removes what it has not made itself. Older versions do not know all of them.",
          "ManageForeignRoutes=no",
          "ManageForeignNextHops=no",
          "ManageForeignRoutingPolicyRules=no",
        ],
      ],
    ]),
  };
}

/** Returns the name under which `ip route` shows the routes. */
export function routeProtocolName(protocol: number): ServiceFile {
  return { path: "/etc/iproute2/rt_protos.d/bunbond.conf", text: `${protocol}\tbunbond\n` };
}
