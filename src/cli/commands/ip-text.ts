/** The description of an address or a block as text. */

import type {
  AddressDescription,
  BlockDescription,
  ClassDescription,
  IpDescription,
} from "../../tools/ip/describe.ts";
import type { EmbeddedForm } from "../../tools/ip/embedded-addresses.ts";
import type { Style } from "../program/style.ts";
import { cellText, pairLines } from "../program/table.ts";

type Row = readonly [name: string, value: string];

/** No list is cut, and there are no times. */
const UNCUT = { isWide: true, nowMs: 0, widthCells: undefined };

export function ipText({ address, block }: IpDescription, style: Style): string {
  const rows = [
    ...(address === null ? [] : addressRows(address)),
    ...(block === null ? [] : blockRows(block, address !== null)),
  ];
  return pairLines(
    rows.map(([name, value]) => ({ name, value })),
    { ...UNCUT, style },
  );
}

function addressRows(address: AddressDescription): Row[] {
  const { scope } = address;
  return [
    ["address", address.address],
    ["expanded", address.expanded],
    ["integer", address.integer],
    ["hexadecimal", address.hex],
    ["reverse DNS", address.reverseDns],
    ...classRows(address.class),
    ["scope", `${scope.name} (${scope.rfc})`],
    ...address.forms.map(formRow),
  ];
}

/** The class of the address in the block, if there is one, has been shown. */
function blockRows(block: BlockDescription, isClassShown: boolean): Row[] {
  return [
    ["block", block.prefix],
    ["network", block.network],
    ...(block.broadcast === null ? [] : [["broadcast", block.broadcast] as const]),
    ["last address", block.lastAddress],
    ["addresses", block.addressCount],
    ["netmask", block.netmask],
    ["wildcard", block.wildcard],
    ["hosts", `${block.firstHost} - ${block.lastHost}`],
    ["host count", block.hostCount],
    ["reverse zone", block.reverseZone],
    ...(isClassShown ? [] : classRows(block.class)),
    ...block.classesWithin.map((each): Row => ["of it", classText(each)]),
    ...block.forms.map(formRow),
  ];
}

function classRows(each: ClassDescription): Row[] {
  const { source, destination, forwardable, globallyReachable, reservedByProtocol } = each;
  const attributes = Object.entries({
    "as source": source,
    "as destination": destination,
    forwardable,
    "globally reachable": globallyReachable,
    "reserved by protocol": reservedByProtocol,
  });
  const answered = attributes.filter(([, value]) => value !== null);
  return [
    ["class", classText(each)],
    ...answered.map(([name, value]): Row => [`  ${name}`, cellText(value, UNCUT)]),
  ];
}

function classText({ name, block, rfc }: ClassDescription): string {
  return `${name}, ${block} (${rfc})`;
}

/** One value stands alone; several have their names. */
function formRow({ form, rfc, values }: EmbeddedForm): Row {
  const named = Object.entries(values);
  const texts = named.map(([name, value]) => (named.length === 1 ? `${value}` : `${name} ${value}`));
  return [form, `${texts.join(", ")} (${rfc})`];
}
