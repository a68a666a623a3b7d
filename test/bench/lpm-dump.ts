/*
 * The file format of the table benchmarks, LPM1: a table, and keys to look up in it. Header fields are
 * little endian, addresses in network order, 4 bytes for IPv4 and 16 for IPv6.
 *
 *     0  "LPM1"          | 4  u32 family, 4 or 6     | 8   u32 n, prefixes
 *     12 u32 h, hit keys | 16 u32 r, random keys     | 20  12 bytes of zero
 *     32 n addresses, host bits zero, in the order of insertion, no duplicates
 *        n lengths, a byte each, zeros up to a multiple of 4
 *        h keys, each a random host inside a random prefix of the table
 *        r keys, uniform in the block that covers the table
 *
 * Here addresses are words in the order of this machine, as src/net/ip.ts has them, 1 or 4 for each.
 */
export interface LpmDump {
  readonly family: 4 | 6;
  readonly addresses: Int32Array;
  readonly lengths: Uint8Array;
  readonly hits: Int32Array;
  readonly random: Int32Array;
}

const HEADER_BYTES = 32;
const MAGIC = 0x314d504c;

export function decodeDump(file: ArrayBuffer): LpmDump {
  const view = new DataView(file);
  if (file.byteLength < HEADER_BYTES || view.getUint32(0, true) !== MAGIC)
    throw new Error("not an LPM1 file");
  const family = view.getUint32(4, true) === 4 ? 4 : 6;
  const words = family === 4 ? 1 : 4;
  let at = HEADER_BYTES;
  const take = (count: number): Int32Array => {
    const taken = new Int32Array(count * words);
    for (let i = 0; i < taken.length; i++, at += 4) taken[i] = view.getInt32(at);
    return taken;
  };
  const count = view.getUint32(8, true);
  const addresses = take(count);
  const lengths = new Uint8Array(file, at, count).slice();
  at += (count + 3) & ~3;
  const hits = take(view.getUint32(12, true));
  const random = take(view.getUint32(16, true));
  return { family, addresses, lengths, hits, random };
}

export function encodeDump(dump: LpmDump): Uint8Array<ArrayBuffer> {
  const words = dump.family === 4 ? 1 : 4;
  const lengthsBytes = (dump.lengths.length + 3) & ~3;
  const keyWords = dump.addresses.length + dump.hits.length + dump.random.length;
  const bytes = new Uint8Array(HEADER_BYTES + lengthsBytes + 4 * keyWords);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, dump.family, true);
  view.setUint32(8, dump.lengths.length, true);
  view.setUint32(12, dump.hits.length / words, true);
  view.setUint32(16, dump.random.length / words, true);
  let at = HEADER_BYTES;
  const put = (array: Int32Array): void => {
    for (const word of array) {
      view.setInt32(at, word);
      at += 4;
    }
  };
  put(dump.addresses);
  bytes.set(dump.lengths, at);
  at += lengthsBytes;
  put(dump.hits);
  put(dump.random);
  return bytes;
}
