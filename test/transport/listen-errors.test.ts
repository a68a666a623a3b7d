/** What stands in the way of listening: a code for programs, and words that say what to do. */
import { expect, test } from "bun:test";
import type { Endpoint } from "../../src/net/endpoint.ts";
import { ListenError } from "../../src/transport/network.ts";
import { BunNetwork } from "../../src/transport/tcp-network.ts";

async function listenErrorAt(endpoint: Endpoint): Promise<ListenError> {
  try {
    const listener = await new BunNetwork().listen(endpoint, () => {
      throw new Error("nobody connects");
    });
    listener.stop();
  } catch (error) {
    if (error instanceof ListenError) return error;
    throw error;
  }
  throw new Error("it listens");
}

// 192.0.2.0/24 and 2001:db8::/32 are for documentation, and .invalid leads nowhere.
test.each([
  ["192.0.2.99", "EADDRNOTAVAIL", "cannot listen on 192.0.2.99:0: this machine does not have the address"],
  [
    "2001:db8::99",
    "EADDRNOTAVAIL",
    "cannot listen on [2001:db8::99]:0: this machine does not have the address",
  ],
  [
    "fe80::99",
    "EINVAL",
    "cannot listen on [fe80::99]:0: a link-local address needs the name of its interface",
  ],
  ["name.invalid", "ENOTFOUND", "cannot listen on name.invalid:0: the name is not that of an address"],
  // Refused before a name server is asked.
  ["a..b", "ENOTFOUND", "cannot listen on a..b:0: the name is not that of an address"],
])("%s is refused: %s", async (host, code, text) => {
  const error = await listenErrorAt({ host, port: 0 });
  expect(error).toMatchObject({ code, endpoint: { host, port: 0 } });
  expect(error.message).toStartWith(text);
  expect(error.message).not.toContain("\n");
});

test("a port in use is refused: EADDRINUSE", async () => {
  const first = await new BunNetwork().listen({ host: "::1", port: 0 }, () => {
    throw new Error("nobody connects");
  });
  const { port } = first.endpoint;
  const error = await listenErrorAt({ host: "::1", port });
  first.stop();
  expect(error.code).toBe("EADDRINUSE");
  expect(error.message).toStartWith(
    `cannot listen on [::1]:${port}: the port is in use: stop the other program`,
  );
});
