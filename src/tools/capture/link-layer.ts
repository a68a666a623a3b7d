/** Finds the IP packet in a captured one, by the link type (https://www.tcpdump.org/linktypes.html). */

const LinkType = {
  NULL: 0,
  ETHERNET: 1,
  /** Raw IP has several numbers: that of the file format, and those of some systems. */
  RAW_BSD: 12,
  RAW_OPENBSD: 14,
  RAW: 101,
  LOOP: 108,
  LINUX_SLL: 113,
  IPV4: 228,
  IPV6: 229,
  LINUX_SLL2: 276,
} as const;

const EtherType = {
  IPV4: 0x0800,
  IPV6: 0x86dd,
  VLAN: 0x8100,
  SERVICE_VLAN: 0x88a8,
  OLD_SERVICE_VLAN: 0x9100,
} as const;

/** Where the IP header begins; "other" if the packet is none of IP; "unknown" if the link type is none of those above. */
export type NetworkOffset = number | "other" | "unknown";

export function networkOffset(linkType: number, bytes: Uint8Array): NetworkOffset {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (linkType) {
    case LinkType.ETHERNET:
      return afterEtherType(view, 12);
    case LinkType.LINUX_SLL:
      return view.byteLength < 16 ? "other" : afterEtherType(view, 14);
    case LinkType.LINUX_SLL2:
      return view.byteLength < 20 || !isIp(view.getUint16(0)) ? "other" : 20;
    case LinkType.NULL:
    case LinkType.LOOP:
      // The four bytes are the address family in the capturing machine's order; the IP version says the same.
      return 4;
    case LinkType.RAW:
    case LinkType.RAW_BSD:
    case LinkType.RAW_OPENBSD:
    case LinkType.IPV4:
    case LinkType.IPV6:
      return 0;
    default:
      return "unknown";
  }
}

/** `offset`: where the EtherType is, which VLAN tags move on by four bytes each. */
function afterEtherType(view: DataView, offset: number): NetworkOffset {
  for (let at = offset; at + 2 <= view.byteLength; at += 4) {
    const type = view.getUint16(at);
    if (isIp(type)) return at + 2;
    if (type !== EtherType.VLAN && type !== EtherType.SERVICE_VLAN && type !== EtherType.OLD_SERVICE_VLAN)
      return "other";
  }
  return "other";
}

function isIp(etherType: number): boolean {
  return etherType === EtherType.IPV4 || etherType === EtherType.IPV6;
}
