/** Routes of every kind, to be announced by one hypervisor; targets are IPv6, as tunnels need them. */
import { loadBalancerRoute, natRoute, standardRoute, type TextRoute } from "./text-route.ts";

const HOP = "2001:db8::1";

export const everyRoute: readonly TextRoute[] = [
  standardRoute(100, "10.0.1.0/24", HOP),
  standardRoute(100, "10.0.1.0/24", "2001:db8::2"), // a second next hop: ECMP
  standardRoute(100, "10.0.1.7/32", HOP),
  standardRoute(100, "0.0.0.0/0", HOP),
  standardRoute(100, "fd00:1::/64", HOP),
  standardRoute(100, "fd00:1::7/128", HOP),
  standardRoute(100, "::/0", HOP),
  natRoute(100, "198.51.100.1/32", HOP, 1024, 2047),
  natRoute(100, "198.51.100.1/32", HOP, 2048, 65535), // differs from the last in its ports only
  natRoute(100, "198.51.100.1/32", HOP, 0, 0), // NAT without ports
  natRoute(100, "fd00:2::1/128", HOP, 1, 1),
  loadBalancerRoute(100, "203.0.113.1/32", HOP),
  loadBalancerRoute(100, "fd00:3::1/128", HOP),
  standardRoute(100, "203.0.113.1/32", HOP), // differs from a load balancer's in its type only
  standardRoute(0, "10.1.0.0/16", HOP),
  standardRoute(0xffff_ffff, "10.1.0.0/16", HOP),
];

export const vnisOfEveryRoute: readonly number[] = [0, 100, 0xffff_ffff];
