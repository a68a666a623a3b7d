import { expect, test } from "bun:test";
import { scopeOf } from "../../src/net/address-scope.ts";
import { address } from "./model.ts";

const SCOPES = [
  ["127.0.0.1", "Loopback", "RFC 1122"],
  ["169.254.169.254", "Link-Local", "RFC 3927"],
  ["172.31.255.255", "Private", "RFC 1918"],
  ["172.32.0.0", "Global", "RFC 4007"],
  ["100.127.255.255", "Shared", "RFC 6598"],
  ["255.255.255.255", "Link-Local", "RFC 919"],
  ["224.0.0.251", "Link-Local", "RFC 5771"],
  ["224.0.1.1", "Global", "RFC 5771"],
  ["239.255.255.250", "Local", "RFC 2365"],
  ["239.195.255.255", "Organization-Local", "RFC 2365"],
  ["239.196.0.0", "Administratively Scoped", "RFC 2365"],
  ["8.8.8.8", "Global", "RFC 4007"],
  ["::1", "Loopback", "RFC 4291"],
  ["febf::1", "Link-Local", "RFC 4291"],
  ["fec0::1", "Site-Local, deprecated", "RFC 3879"],
  ["fdff::1", "Unique Local", "RFC 4193"],
  ["2606:4700::1", "Global", "RFC 4007"],
  ["ff00::1", "Reserved", "RFC 7346"],
  ["ff01::1", "Interface-Local", "RFC 7346"],
  ["ff02::1:ff00:1", "Link-Local", "RFC 7346"],
  ["ff03::fc", "Realm-Local", "RFC 7346"],
  ["ff04::1", "Admin-Local", "RFC 7346"],
  ["ff15::1", "Site-Local", "RFC 7346"],
  ["ff06::1", "Unassigned", "RFC 7346"],
  ["ff38::1", "Organization-Local", "RFC 7346"],
  ["ff3d::1", "Unassigned", "RFC 7346"],
  ["ff0e::101", "Global", "RFC 7346"],
  ["ff0f::1", "Reserved", "RFC 7346"],
] as const;

test.each(SCOPES)("%s: %s, %s", (text, name, rfc) => {
  expect(scopeOf(address(text))).toEqual({ name, rfc });
});
