/** The page at `/` in a real browser, with real daemons. */
import { afterAll, describe, expect, test } from "bun:test";
import { silentLogger } from "../../src/base/logger.ts";
import { json } from "../../src/http/connections/http-answer.ts";
import { startHttpServer } from "../../src/http/public/http-server.ts";
import { route } from "../../src/http/router.ts";
import { Client, makeRoute } from "../../src/index.ts";
import { formatEndpoint } from "../../src/net/endpoint.ts";
import { VIEWS } from "../../src/page/view/page-place.ts";
import { sourceOf } from "../support/models/source-of.ts";
import { BrowserPage, becauseOfBrowser, noBrowser } from "../support/process/browser.ts";
import {
  type BunbondServer,
  startBunbondClient,
  startBunbondServer,
} from "../support/process/bunbond-process.ts";
import { httpBase } from "../support/process/http-routes.ts";

const HTTP = ["--http", "[::1]:0"];
const ROUTE = makeRoute({ vni: 100, destination: "10.0.1.0/24", nextHop: "2001:db8::1" });
const SHORTER = makeRoute({ vni: 100, destination: "10.0.0.0/8", nextHop: "2001:db8::2" });

function testInBrowser(name: string, run: () => Promise<void>): void {
  test.skipIf(noBrowser)(`${name}${becauseOfBrowser}`, run);
}

afterAll(() => {
  if (!noBrowser) Bun.WebView.closeAll();
});

/** A server process with a client in this one, and the server's page. */
class Setup {
  readonly server: BunbondServer;
  readonly client: Client;
  readonly page: BrowserPage;
  readonly base: string;

  private constructor(server: BunbondServer, client: Client, page: BrowserPage, base: string) {
    this.server = server;
    this.client = client;
    this.page = page;
    this.base = base;
  }

  static async start(path = "/", announce = [ROUTE, SHORTER]): Promise<Setup> {
    const server = await startBunbondServer({ flags: HTTP });
    const base = await httpBase(server);
    const client = Client.connect({ servers: [server.address] });
    for (const each of announce) client.announce(each);
    await client.confirmed({ timeoutMs: 60_000 });
    return new Setup(server, client, await BrowserPage.open(base + path), base);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.page[Symbol.dispose]();
    await this.client[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}

describe("the page of a server", () => {
  testInBrowser("shows its state, each change as it comes, and asks no other host", async () => {
    await using setup = await Setup.start();
    const { page, client, base } = setup;
    await page.untilText("#program", "server · ");
    await page.untilText("#facts", "1 of 1 established");
    await page.untilText("#age", "live · data is");
    await page.untilText("#latest", "10.0.1.0/24");
    await page.until("document.querySelectorAll('.plot canvas').length === 2");
    client.withdraw(ROUTE);
    await page.until("document.querySelector('#latest tbody tr').textContent.includes('− route')");
    await page.click("#tab-routes");
    await page.untilText("#routes", "10.0.0.0/8");
    expect(await page.text("#routes")).not.toContain("10.0.1.0/24");
    client.announce(ROUTE);
    await page.untilText("#routes", "10.0.1.0/24");
    await page.click("#tab-peers");
    await page.untilText("#panel-peers", "1 peer, page 1 of 1");
    await page.click("#tab-vnis");
    const { vnis } = (await (await fetch(`${base}/v1/vnis`)).json()) as { vnis: { digest: string }[] };
    await page.untilText("#panel-vnis", vnis[0]?.digest ?? "a digest");
    await page.click("#tab-history");
    await page.untilText("#panel-history", "− route");
    expect(page.requests.filter((url) => !url.startsWith(`${base}/`))).toEqual([]);
    expect(page.complaints).toEqual([]);
  });

  testInBrowser("explains an address, with the longest match and what it goes before", async () => {
    await using setup = await Setup.start("/#routes?q=10.0.1.7");
    const { page } = setup;
    await page.untilText("#verdict", "works: 10.0.1.0/24 in VNI 100 has 1 next hop");
    expect(await page.text("#matches")).toContain("It goes before the shorter 10.0.0.0/8.");
    expect(await page.evaluate("document.querySelector('#verdict').getAttribute('aria-live')")).toBe(
      "polite",
    );
    expect(await page.evaluate("document.querySelectorAll('#routes tbody tr').length")).toBe(1);
    const search = async (text: string) => {
      await page.press("/");
      await page.type(text);
      await page.press("Enter");
    };
    await page.evaluate("document.activeElement.blur()");
    await search("192.0.2.1");
    await page.untilText("#verdict", "not announced");
    await page.evaluate("document.activeElement.blur()");
    await search("10.0.1.777");
    await page.untilText("#verdict", "must be an address or a prefix");
    await page.evaluate("document.activeElement.blur()");
    await search("0.0.0/8");
    await page.untilText("#routes", "10.0.0.0/8");
    expect(await page.text("#routes")).not.toContain("10.0.1.0/24");
    expect(page.complaints.filter((text) => !text.includes("400 (Bad Request)"))).toEqual([]);
  });

  testInBrowser("works by keyboard, and everything has a name", async () => {
    await using setup = await Setup.start();
    const { page } = setup;
    await page.untilText("#latest", "10.0.1.0/24");
    const focus = () =>
      page.evaluate<string>("document.activeElement.id || document.activeElement.className");
    const outline = () => page.evaluate<string>("getComputedStyle(document.activeElement).outlineStyle");
    await page.press("Tab");
    expect([await focus(), await outline()]).toEqual(["skip", "solid"]);
    expect(await page.evaluate("document.activeElement.getBoundingClientRect().left")).toBeGreaterThan(0);
    await page.press("/");
    expect([await focus(), await outline()]).toEqual(["search-text", "solid"]);
    await page.press("Tab");
    await page.press("Tab");
    expect(await focus()).toBe("tab-overview");
    for (const [key, view] of [
      ["ArrowRight", "peers"],
      ["End", "history"],
      ["ArrowRight", "overview"],
      ["ArrowLeft", "history"],
    ] as const) {
      await page.press(key);
      expect([await focus(), await outline()]).toEqual([`tab-${view}`, "solid"]);
      await page.until(`!document.querySelector('#panel-${view}').hidden`);
      expect(await page.evaluate("document.querySelectorAll('[role=tabpanel]:not([hidden])').length")).toBe(
        1,
      );
    }
    const nodes = await page.accessibleNodes();
    const unnamed = nodes.filter(
      ({ role, name }) => /^(button|tab|searchbox|textbox|table|link|image)$/.test(role) && name === "",
    );
    expect(unnamed).toEqual([]);
    expect(nodes.filter(({ role }) => role === "tab")).toHaveLength(VIEWS.length);
  });

  testInBrowser("fits a phone, and is dark where the system is", async () => {
    await using setup = await Setup.start("/#routes?q=10.0.1.7");
    const { page } = setup;
    const back = () => page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
    await page.prefersColours("light");
    await page.until("getComputedStyle(document.body).backgroundColor === 'rgb(255, 255, 255)'");
    await page.prefersColours("dark");
    await page.until("getComputedStyle(document.body).backgroundColor !== 'rgb(255, 255, 255)'");
    expect(await back()).toBe("rgb(16, 22, 29)");
    await page.resize(360, 740);
    await page.untilText("#verdict", "works");
    for (const view of VIEWS) {
      await page.evaluate(`location.hash = '#${view}'`);
      await page.until(`!document.querySelector('#panel-${view}').hidden`);
      await page.until(`document.querySelector('#panel-${view} tbody tr') !== null`);
      const [needed, there] = await page.evaluate<number[]>(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]",
      );
      expect([view, needed]).toEqual([view, there]);
    }
    // Rows are blocks here, and still rows of a table for a screen reader.
    const roles = (await page.accessibleNodes()).map(({ role }) => role);
    expect(roles).toContain("table");
    expect(roles).toContain("cell");
  });

  testInBrowser("says when the connection is lost, and goes on when the server is back", async () => {
    await using setup = await Setup.start();
    const { page, server, base, client } = setup;
    await page.untilText("#age", "live");
    expect(await page.evaluate("document.querySelector('#notice').hidden")).toBe(true);
    await server.stop();
    await page.untilText("#notice", "The connection to the daemon is lost.");
    await page.untilText("#age", "lost · data is");
    await using _again = await startBunbondServer({
      listen: server.address,
      flags: ["--http", new URL(base).host],
    });
    await page.until("document.querySelector('#notice').hidden");
    await page.untilText("#age", "live");
    await client.confirmed({ timeoutMs: 60_000 });
    await page.untilText("#latest", "10.0.1.0/24");
  });

  testInBrowser("is quick with 100,000 routes: it loads a page of them, and no more", async () => {
    const many = Array.from({ length: 100_000 }, (_, i) =>
      makeRoute({
        vni: 100 + (i % 5),
        destination: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32`,
        nextHop: `2001:db8::${((i % 200) + 1).toString(16)}`,
      }),
    );
    await using setup = await Setup.start("/", many);
    const { page } = setup;
    await page.untilText("#facts", "100\u202f000");
    const times: Record<string, number> = {};
    const measure = async (name: string, act: () => Promise<void>) => {
      const beganMs = performance.now();
      await act();
      times[name] = Math.round(performance.now() - beganMs);
    };
    page.receivedBytes = 0;
    const rows = () => page.evaluate<number>("document.querySelectorAll('#routes tbody tr').length");
    await measure("first page", async () => {
      await page.click("#tab-routes");
      await page.untilText("#routes .pager", "page 1, 100 destinations, and there are more");
    });
    expect(await rows()).toBe(100);
    await measure("five more pages, scrolled to the end", async () => {
      for (let number = 2; number <= 6; number++) {
        await page.evaluate("window.scrollTo(0, document.body.scrollHeight)");
        await page.evaluate("document.querySelector('#routes .pager button:last-of-type').click()");
        await page.untilText("#routes .pager", `page ${number},`);
      }
    });
    expect(await rows()).toBe(100);
    await measure("back to the first page", async () => {
      for (let number = 5; number >= 1; number--) {
        await page.evaluate("document.querySelector('#routes .pager button:first-of-type').click()");
        await page.untilText("#routes .pager", `page ${number},`);
      }
    });
    const search = async (text: string, selector: string, found: string) => {
      await page.evaluate("document.activeElement.blur()");
      await page.press("/");
      await page.type(text);
      await page.press("Enter");
      await page.untilText(selector, found);
    };
    await measure("address", () => search("10.1.2.3", "#verdict", "works: 10.1.2.3/32"));
    await measure("prefix", () => search("10.1.2.0/29", "#routes .pager", "page 1, 8 destinations"));
    await measure("text, through all routes", () =>
      search("1.134.15", "#routes .pager", "page 1, 11 destinations"),
    );
    console.log(`100,000 routes, milliseconds: ${JSON.stringify(times)}`);
    // Sixteen pages of 100 routes: some 300 bytes for each.
    expect(page.receivedBytes).toBeLessThan(2_000_000);
    expect(page.complaints).toEqual([]);
  });
});

testInBrowser("the page of a client shows its servers and its view", async () => {
  await using server = await startBunbondServer();
  await using announcer = Client.connect({ servers: [server.address] });
  announcer.announce(ROUTE);
  await using client = startBunbondClient({ servers: [server.address], vnis: [100], flags: HTTP });
  await announcer.confirmed({ timeoutMs: 60_000 });
  const base = await httpBase(client);
  using page = await BrowserPage.open(`${base}/#peers`);
  await page.untilText("#program", "client · ");
  await page.untilText("#panel-peers", server.address);
  expect(await page.text("#tab-peers")).toBe("Servers");
  await page.click("#panel-peers button.link");
  await page.untilText("#routes", "10.0.1.0/24");
  await page.click("#tab-overview");
  await page.untilText("#facts", "1 of 1 established");
  announcer.withdraw(ROUTE);
  await page.until("document.querySelector('#latest tbody tr').textContent.includes('− route')");
  expect(page.complaints).toEqual([]);
});

testInBrowser("hostile names and texts stay text", async () => {
  const hostile = `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>`;
  const holder = { name: hostile, id: 1, state: hostile, since: hostile };
  const hop = { address: hostile, type: hostile, targetVni: 0, natPortFrom: 0, natPortTo: 0, used: true };
  const entry = {
    vni: 1,
    destination: hostile,
    nextHops: [{ ...hop, holders: [holder], changes: 1 }],
    kernel: { table: 1, state: hostile, problem: hostile },
  };
  const change = {
    ...{ number: 1, time: hostile, change: hostile, vni: 1, destination: hostile, nextHop: hostile },
    ...{ reason: hostile, by: { name: hostile, id: 1 }, existence: true },
  };
  const peer = {
    ...{ id: hostile, remote: hostile, state: hostile, since: hostile, announcedRoutes: 1 },
    ...{ skippedUpdates: 1, limitsMet: [hostile], subscriptionCount: 1, subscriptions: [] },
    ...{ lastHeard: hostile, roundTripMs: 1, updatesSent: 1, behindSince: hostile },
    ...{ goneSince: hostile, goneReason: hostile },
  };
  const explanation = {
    ...{ asked: hostile, verdict: hostile, summary: hostile, matchCount: 1, source: null },
    matches: [{ ...entry, verdict: hostile, summary: hostile, covering: [hostile], recipients: [] }],
  };
  const answers: Readonly<Record<string, unknown>> = {
    "/v1/status": { program: "server", version: hostile, state: hostile, uptimeSeconds: 1, listen: hostile },
    "/v1/peers": { peers: [peer] },
    "/v1/vnis": { vnis: [{ vni: hostile, ipv4Routes: 1, ipv6Routes: 1, digest: hostile }] },
    "/v1/routes": { routes: [entry], next: hostile },
    "/v1/explain/:address": explanation,
    "/v1/history": { first: 1, next: 2, changes: [change] },
  };
  const http = startHttpServer({
    endpoint: { host: "::1", port: 0 },
    routes: sourceOf([]),
    queries: Object.entries(answers).map(([path, answer]) => route("GET", path, () => json(200, answer))),
    version: "0",
    logger: silentLogger,
  });
  try {
    const base = `http://${formatEndpoint(http.endpoint)}`;
    using page = await BrowserPage.open(`${base}/#routes?q=10.0.0.1`);
    await page.untilText("#verdict", hostile);
    for (const [view, selector] of [
      ["routes", "#matches"],
      ["peers", "#panel-peers"],
      ["vnis", "#panel-vnis"],
      ["history", "#panel-history"],
      ["overview", "#latest"],
    ] as const) {
      await page.evaluate(`location.hash = "#${view}"`);
      if (view !== "routes") await page.untilText(selector, hostile);
    }
    await page.untilText("#facts", hostile);
    expect(await page.evaluate("document.querySelectorAll('img, body script').length")).toBe(0);
    expect(await page.evaluate("window.hacked ?? null")).toBeNull();
    expect(page.requests.filter((url) => url.endsWith("/x"))).toEqual([]);
  } finally {
    await http.stop();
  }
});

const { UPDATE_SCREENSHOT } = process.env;
/** Written anew by `UPDATE_SCREENSHOT=1 bun test test/process/page.test.ts`. */
const SCREENSHOT = new URL("../../src/page/screenshot.png", import.meta.url).pathname;

testInBrowser("the picture in the README is one of this page", async () => {
  await using setup = await Setup.start();
  const { page, client, server } = setup;
  await using subscriber = Client.connect({ servers: [server.address] });
  for (const vni of [100, 101, 102]) subscriber.subscribe(vni);
  await page.resize(1000, 720);
  await page.untilText("#latest", "10.0.1.0/24");
  // The plots need some seconds of changes.
  const seconds = UPDATE_SCREENSHOT === undefined ? 0 : 20;
  for (let second = 0; second < seconds; second++) {
    const count = 20 + Math.round(15 * Math.sin(second / 2));
    for (let i = 0; i < count; i++) {
      const [vni, destination] = [100 + (i % 3), `10.${second}.${i}.0/24`];
      client.announce(makeRoute({ vni, destination, nextHop: `2001:db8::${(i % 9) + 1}` }));
    }
    await Bun.sleep(1000);
  }
  const picture = await page.screenshot();
  if (seconds > 0) await Bun.write(SCREENSHOT, picture);
  // The eight bytes that each PNG begins with (RFC 2083, 3.1).
  const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
  for (const bytes of [picture, await Bun.file(SCREENSHOT).bytes()]) {
    expect([...bytes.subarray(0, 8)]).toEqual(signature);
  }
});
