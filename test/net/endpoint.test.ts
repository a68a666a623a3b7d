import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatAddress, parseAddress } from "../../src/net/address.ts";
import {
  type Endpoint,
  type EndpointError,
  type EndpointErrorCode,
  type EndpointUse,
  formatEndpoint,
  normalizePeerAddress,
  parseEndpoint,
  sameEndpoint,
} from "../../src/net/endpoint.ts";
import { anyAddress, anyAddressOf } from "./model.ts";

const DEFAULT_PORT = 4711;

describe("parseEndpoint takes", () => {
  const WITH_PORT = [
    ["10.0.0.1:4712", "10.0.0.1", 4712],
    ["10.0.0.1:1", "10.0.0.1", 1],
    ["10.0.0.1:65535", "10.0.0.1", 65535],
    ["[::]:4712", "::", 4712],
    ["[::1]:4712", "::1", 4712],
    ["[2001:DB8:0::1]:4712", "2001:db8::1", 4712],
    ["[fe80::1%eth0]:4712", "fe80::1%eth0", 4712],
    ["[FE80::1%Eth0.100]:4712", "fe80::1%Eth0.100", 4712],
    ["[fe80::1%2]:4712", "fe80::1%2", 4712],
    ["[::ffff:10.0.0.1]:4712", "::ffff:10.0.0.1", 4712],
    ["host.example:4712", "host.example", 4712],
    ["Host-1.Example.:4712", "host-1.example.", 4712],
    ["localhost:4712", "localhost", 4712],
    ["4711.example:4712", "4711.example", 4712],
    ["my_container:4712", "my_container", 4712],
    ["xn--bcher-kva.example:4712", "xn--bcher-kva.example", 4712],
    ["a:4712", "a", 4712],
    [`${"a".repeat(63)}.example:4712`, `${"a".repeat(63)}.example`, 4712],
  ] as const;

  test.each(WITH_PORT)("%s", (text, host, port) => {
    expect(parseEndpoint(text)).toEqual({ host, port });
    expect(parseEndpoint(text, DEFAULT_PORT, "listen")).toEqual({ host, port });
  });

  const WITHOUT_PORT = [
    ["10.0.0.1", "10.0.0.1"],
    ["[::1]", "::1"],
    ["::1", "::1"],
    ["::", "::"],
    ["2001:db8:0:0:0:0:0:1", "2001:db8::1"],
    ["fe80::1%eth0", "fe80::1%eth0"],
    ["[fe80::1%eth0]", "fe80::1%eth0"],
    ["host.example", "host.example"],
    ["[::1:4711]", "::1:4711"],
    ["2001:db8::1:471", "2001:db8::1:471"],
    ["2001:db8::1:0471", "2001:db8::1:471"],
    ["2001:db8:0:0:0:0:1:4711", "2001:db8::1:4711"],
  ] as const;

  test.each(WITHOUT_PORT)("%s where there is a default port", (text, host) => {
    expect(parseEndpoint(text, DEFAULT_PORT)).toEqual({ host, port: DEFAULT_PORT });
    expect(parseEndpoint(text)).toMatchObject({ code: "MISSING_PORT", start: text.length, end: text.length });
  });

  const TO_LISTEN = [
    [":4711", "::", 4711],
    [":0", "::", 0],
    ["[::1]:0", "::1", 0],
    ["127.0.0.1:0", "127.0.0.1", 0],
  ] as const;

  test.each(TO_LISTEN)("%s to listen, not to connect", (text, host, port) => {
    expect(parseEndpoint(text, DEFAULT_PORT, "listen")).toEqual({ host, port });
    expect(parseEndpoint(text, DEFAULT_PORT)).toHaveProperty("code");
  });
});

describe("parseEndpoint refuses", () => {
  /** The wrong part stands between « and », with nothing inside where something is missing. */
  const REFUSED: readonly (readonly [marked: string, code: EndpointErrorCode, use?: EndpointUse])[] = [
    ["«»", "MISSING_HOST"],
    ["«»", "MISSING_HOST", "listen"],
    ["«»:4711", "MISSING_HOST"],
    [":«»", "BAD_PORT", "listen"],
    ["10.0.0.1:«»", "BAD_PORT"],
    ["10.0.0.1:«0»", "BAD_PORT"],
    ["10.0.0.1:«65536»", "BAD_PORT", "listen"],
    ["10.0.0.1:«04711»", "BAD_PORT"],
    ["10.0.0.1:«+4711»", "BAD_PORT"],
    ["10.0.0.1:«4711 »", "BAD_PORT"],
    ["10.0.0.1:«1e3»", "BAD_PORT"],
    ["[::1]:«http»", "BAD_PORT"],
    ["[::1]:«47:11»", "BAD_PORT"],
    ["«10.0.0.256»:4711", "BAD_ADDRESS"],
    ["«10.0.0»", "BAD_ADDRESS"],
    ["«10.0.0.01»:4711", "BAD_ADDRESS"],
    ["«10.0.0.0x1»:4711", "BAD_ADDRESS"],
    ["«4711»", "MISSING_HOST"],
    ["«::1»:4711", "MISSING_BRACKETS"],
    ["«::1»:80", "MISSING_BRACKETS"],
    ["«::»:80", "MISSING_BRACKETS"],
    ["«2001:db8::1»:4799", "MISSING_BRACKETS"],
    ["[«10.0.0.1»]:4711", "BAD_ADDRESS"],
    ["[«»]:4711", "BAD_ADDRESS"],
    ["[«host.example»]:4711", "BAD_ADDRESS"],
    ["[«::g»%eth0]:4711", "BAD_ADDRESS"],
    ["«::1::»", "BAD_ADDRESS"],
    ["[«1:2:3:4:5:6:7:8:4711»]", "BAD_ADDRESS"],
    ["[::1«»", "BAD_BRACKETS"],
    ["[::1]«4711»", "BAD_BRACKETS"],
    ["[fe80::1]«%eth0:4711»", "BAD_BRACKETS"],
    ["«2001:db8:0:0:0:0:0:1»:4711", "MISSING_BRACKETS"],
    ["«fe80::1%eth0»:4711", "MISSING_BRACKETS"],
    ["[fe80::1«%»]:4711", "BAD_ZONE"],
    ["fe80::1«%eth 0»", "BAD_ZONE"],
    ["fe80::1«%eth]0»", "BAD_ZONE"],
    ["[fe80::1«%sixteen-letters!»]:4711", "BAD_ZONE"],
    ["10.0.0.1«%eth0»:4711", "BAD_ZONE"],
    ["host_1.exa« »mple:4711", "BAD_NAME"],
    ["b«ü»cher.example:4711", "BAD_NAME"],
    ["user«@»host:4711", "BAD_NAME"],
    ["«-host»:4711", "BAD_NAME"],
    ["«host-.example»:4711", "BAD_NAME"],
    ["«host..example»:4711", "BAD_NAME"],
    ["«.»:4711", "BAD_NAME"],
  ];

  test.each(REFUSED)("%s", (marked, code, use = "connect") => {
    const start = marked.indexOf("«");
    const end = marked.indexOf("»") - 1;
    const text = marked.replace(/[«»]/g, "");
    expect(parseEndpoint(text, DEFAULT_PORT, use)).toMatchObject({ code, start, end });
  });

  test("names that are too long", () => {
    const label = "a".repeat(63);
    expect(parseEndpoint(`${label}a:4711`)).toMatchObject({ code: "BAD_NAME", start: 0, end: 64 });
    expect(parseEndpoint(`${label}.${label}.${label}.${"a".repeat(61)}:4711`)).toHaveProperty("host");
    expect(parseEndpoint(`${label}.${label}.${label}.${"a".repeat(62)}:4711`)).toMatchObject({
      code: "BAD_NAME",
    });
  });

  /** What a message shows as the right spelling must be one. */
  const ADVICE = [
    ["2001:db8:0:0:0:0:0:1:4711", undefined, { host: "2001:db8::1", port: 4711 }],
    ["::1:4711", DEFAULT_PORT, { host: "::1", port: 4711 }],
    ["2001:db8::1:4711", undefined, { host: "2001:db8::1", port: 4711 }],
    ["4711", undefined, { host: "host.example", port: 4711 }],
    ["fe80::1%eth0:4711", undefined, { host: "fe80::1%eth0", port: 4711 }],
    ["fe80::1%eth0", undefined, { host: "fe80::1%eth0", port: 4711 }],
    ["::1", undefined, { host: "::1", port: 4711 }],
    ["host.example", undefined, { host: "host.example", port: 4711 }],
    ["[::1]4711", undefined, { host: "::1", port: 4711 }],
    [":4711", undefined, { host: "host.example", port: 4711 }],
    ["10.0.0", undefined, { host: "10.0.0.1", port: 4711 }],
    ["fe80::1%eth 0", DEFAULT_PORT, { host: "fe80::1%eth0", port: 4711 }],
  ] as const;

  test.each(ADVICE)("%s with advice that helps", (text, defaultPort, meant) => {
    const advice = errorOf(parseEndpoint(text, defaultPort)).message.split(" ").at(-1) ?? "";
    expect(parseEndpoint(advice, DEFAULT_PORT)).toEqual(meant);
  });

  test("a port with the range that is allowed", () => {
    expect(errorOf(parseEndpoint("h:x")).message).toContain("from 1 to 65535");
    expect(errorOf(parseEndpoint("h:x", DEFAULT_PORT, "listen")).message).toContain("from 0 to 65535");
  });
});

describe("endpoints", () => {
  const anyZone = fc.constantFrom("", "%eth0", "%2", "%br-lan.100");
  const anyHost = fc.oneof(
    anyAddress.map(formatAddress),
    fc.tuple(anyAddressOf(6), anyZone).map(([a, zone]) => formatAddress(a) + zone),
    fc.domain(),
  );
  const anyEndpoint = fc.record({ host: anyHost, port: fc.integer({ min: 1, max: 65535 }) });

  test("come back as they were written", () => {
    fc.assert(
      fc.property(anyEndpoint, (e) => {
        const host = e.host.toLowerCase();
        expect(parseEndpoint(formatEndpoint(e))).toEqual({ host, port: e.port });
      }),
      { numRuns: 300 },
    );
  });

  test("of any text are right, or an error that lies within the text", () => {
    const scrap = fc.constantFrom(
      "[",
      "]",
      ":",
      "::",
      ".",
      "%",
      "-",
      "0",
      "1",
      "255",
      "4711",
      "65536",
      "fe80",
      "host",
      "é",
      " ",
    );
    const anyText = fc.oneof(
      fc.array(scrap, { maxLength: 8 }).map((parts) => parts.join("")),
      fc.string(),
    );
    const anyUse = fc.constantFrom<EndpointUse>("connect", "listen");
    fc.assert(
      fc.property(anyText, anyUse, fc.constantFrom(undefined, DEFAULT_PORT), (text, use, defaultPort) => {
        const result = parseEndpoint(text, defaultPort, use);
        if ("code" in result) {
          expect([0 <= result.start, result.start <= result.end, result.end <= text.length]).toEqual([
            true,
            true,
            true,
          ]);
          return;
        }
        expect(parseEndpoint(formatEndpoint(result), undefined, use)).toEqual(result);
      }),
      { numRuns: 3000 },
    );
  });

  const WRITTEN = [
    [{ host: "10.0.0.1", port: 4711 }, "10.0.0.1:4711"],
    [{ host: "::", port: 4711 }, "[::]:4711"],
    [{ host: "fe80::1%eth0", port: 4711 }, "[fe80::1%eth0]:4711"],
    [{ host: "host.example", port: 4711 }, "host.example:4711"],
  ] as const;

  test.each(WRITTEN)("are written with brackets where needed: %j", (e, text) => {
    expect(formatEndpoint(e)).toBe(text);
  });

  test("are the same when host and port are, however they were spelled", () => {
    const spellings = ["[2001:db8::1]:4711", "2001:DB8:0:0::1", "[2001:0db8::0001]"].map(endpoint);
    const [first = endpoint("[::1]")] = spellings;
    expect(spellings.map((e) => sameEndpoint(first, e))).toEqual([true, true, true]);
    expect(sameEndpoint(endpoint("HOST:4711"), endpoint("host"))).toBe(true);
    expect(sameEndpoint(endpoint("host:4711"), endpoint("host:4712"))).toBe(false);
    expect(sameEndpoint(endpoint("fe80::1%eth0"), endpoint("fe80::1%eth1"))).toBe(false);
  });

  function endpoint(text: string): Endpoint {
    const result = parseEndpoint(text, DEFAULT_PORT);
    if ("code" in result) throw new Error(`${text}: ${result.message}`);
    return result;
  }
});

describe("normalizePeerAddress", () => {
  const PEERS = [
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::FFFF:192.0.2.1", "192.0.2.1"],
    ["192.0.2.1", "192.0.2.1"],
    ["2001:db8::1", "2001:db8::1"],
    ["fe80::1%eth0", "fe80::1%eth0"],
    ["::ffff:0:192.0.2.1", "::ffff:0:192.0.2.1"],
    ["64:ff9b::192.0.2.1", "64:ff9b::192.0.2.1"],
    ["2001:db8::ffff:192.0.2.1", "2001:db8::ffff:192.0.2.1"],
    ["", ""],
  ] as const;

  test.each(PEERS)("%s is %s", (seen, shown) => {
    expect(normalizePeerAddress(seen)).toBe(shown);
  });

  test("makes every mapped address IPv4, and no other", () => {
    fc.assert(
      fc.property(anyAddress, (a) => {
        const isMapped = a.family === 6 && a.w0 === 0 && a.w1 === 0 && a.w2 === 0xffff;
        const shown = parseAddress(normalizePeerAddress(formatAddress(a)));
        expect(shown).toEqual(isMapped ? { family: 4, w0: a.w3, w1: 0, w2: 0, w3: 0 } : a);
      }),
    );
  });
});

function errorOf(result: Endpoint | EndpointError): EndpointError {
  if ("code" in result) return result;
  throw new Error(`no error, but ${formatEndpoint(result)}`);
}
