/** Next hops that differ from one another in one field only, at the ends of its range: whoever mixes two up shows it. */
import type { NextHop } from "../../../src/wire/message.ts";
import { MAX_PORT, MAX_VNI, NextHopType } from "../../../src/wire/protocol.ts";

export const twinHops = twinHopsOf(0x20010db8);

/** Those whose IPv6 addresses begin with this word. */
export function twinHopsOf(w0: number): readonly NextHop[] {
  const address = { family: 6, w0, w1: 0, w2: 0, w3: 1 } as const;
  const plain = { targetVni: 0, type: NextHopType.STANDARD, natPortFrom: 0, natPortTo: 0 };
  const base: NextHop = { address, ...plain };
  return [
    base,
    { ...base, address: { ...address, w3: 2 } },
    { ...base, address: { ...address, w2: -1 } },
    { ...base, address: { ...address, w1: 1 } },
    { ...base, address: { ...address, w0: ~w0 } },
    // One number, two families.
    { ...base, address: { ...address, w3: 0 } },
    { ...base, address: { family: 4, w0, w1: 0, w2: 0, w3: 0 } },
    { ...base, address: { family: 4, w0: -1, w1: 0, w2: 0, w3: 0 } },
    { ...base, targetVni: MAX_VNI },
    { ...base, targetVni: 2 ** 31 },
    { ...base, targetVni: 1 },
    { ...base, type: NextHopType.NAT },
    { ...base, type: NextHopType.LOADBALANCER_TARGET },
    { ...base, natPortTo: 1 },
    { ...base, natPortFrom: 1, natPortTo: 1 },
    { ...base, natPortTo: MAX_PORT },
    { ...base, natPortFrom: MAX_PORT, natPortTo: MAX_PORT },
    { ...base, natPortFrom: 2 ** 15, natPortTo: 2 ** 15 },
  ];
}
