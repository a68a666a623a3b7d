/**
 * What a network notices when a server or a client dies. `bun test/bench/failover.ts` (flags: support.ts)
 *
 * - 1,000 routes at two servers, one of which is killed: how many of them a subscriber loses. BunBond's is told to hold
 *   a lost server's routes for 2 s only, and is watched for longer: what stays is there by way of the other server.
 * - 1,000 routes of 20 clients at one server, which is killed, and started again 2 s later. All settings are the
 *   defaults. Each client announces one more route while the server is away. Times count from the kill.
 * - A client's death: death.ts.
 *
 * With rustbond, servers and clients are that crate's, but for the last.
 */
import { median } from "../../src/cli/bench/figures.ts";
import { standardRoute, type TextRoute } from "../support/models/text-route.ts";
import { freeAddress } from "../support/network/free-address.ts";
import { measureDeath } from "./death.ts";
import { type ClientRecord, FleetWatch, startFleet, VNI } from "./fleet.ts";
import { type ByServer, printRows, type Row, rowOf, type ServerName, type Setup } from "./support.ts";

const ROUTES = 1000;
const CLIENTS = 20;
const HOLD_SECONDS = 2;
const WATCH_MS = (HOLD_SECONDS + 2) * 1000;
const SENT_MS = 1000;
const AWAY_MS = 2000;
const MAX_RETRY_SECONDS = 10;
const SETTLE_SECONDS = 15;
/** Behind the End-of-RIBs, for the clients to drop what they were not told again. */
const SWEEP_MS = 2000;

/** Of each client so many, all of them different. */
function routesOf(client: number, count: number): TextRoute[] {
  return Array.from({ length: count }, (_, n) =>
    standardRoute(VNI, `10.${client}.${n >> 8}.${n & 255}/32`, `2001:db8::${client + 1}`),
  );
}

const newRoute = (client: number) => standardRoute(VNI, `192.0.2.${client}/32`, `2001:db8::${client + 1}`);
const isNewRoute = (destination: string) => destination.startsWith("192.0.2.");

export async function measureFailover(setup: Setup): Promise<Row[]> {
  return [...(await measureLoss(setup)), ...(await measureRestart(setup)), ...(await measureDeath(setup))];
}

async function ofEach<T>(setup: Setup, measure: (name: ServerName) => Promise<T>): Promise<ByServer<T>> {
  const values: ByServer<T> = { bunbond: [], rustbond: [] };
  for (const name of setup.servers) {
    console.error(`  ${name}`);
    values[name].push(await measure(name));
  }
  return values;
}

function select<T>(values: ByServer<T>, read: (from: T) => number): ByServer<number> {
  return { bunbond: values.bunbond.map(read), rustbond: values.rustbond.map(read) };
}

async function measureLoss(setup: Setup): Promise<Row[]> {
  const withdrawals = await ofEach(setup, async (name) => {
    await using first = await setup.start(name);
    await using second = await setup.start(name);
    await using fleet = await startFleet(name, setup, {
      servers: [first.address, second.address],
      announced: [routesOf(0, ROUTES), []],
      flags: ["--stale-time", `${HOLD_SECONDS}`],
    });
    const watch = new FleetWatch(fleet, 2, isNewRoute);
    const [, subscriber] = watch.clients;
    await watch.until("all routes", (client) => client !== subscriber || client.routes === ROUTES);
    // A client does not tell by which server a route came: both have had time to send all.
    await Bun.sleep(SENT_MS);
    watch.startAnew();
    process.kill(first.pid, "SIGKILL");
    await Bun.sleep(WATCH_MS);
    watch.look();
    return subscriber?.withdrawals ?? Number.NaN;
  });
  const figure = `withdrawals when one of 2 servers is killed, of ${ROUTES} routes`;
  return [rowOf({ figure, unit: "routes", goal: { atMost: 0 } }, withdrawals)];
}

interface Restart {
  readonly withdrawals: number;
  /** Of each client, seconds from the kill until it was connected again. */
  readonly returned: readonly number[];
  /** Of each client and each other's new route, seconds from the kill until it was there. */
  readonly arrived: readonly number[];
  /** Until a route that is announced when all are back is at the last client. */
  readonly afterwardsMs: number;
}

async function measureRestart(setup: Setup): Promise<Row[]> {
  const restarts = await ofEach(setup, (name) => restart(setup, name));
  const about = `only server restarted after ${AWAY_MS / 1000} s`;
  const afterwards = [...restarts.bunbond, ...restarts.rustbond].map(
    (one) => `${Math.round(one.afterwardsMs)} ms`,
  );
  const rowsOf = (figure: string, secondsOf: (restart: Restart) => readonly number[], note?: string) => {
    const row = (which: string, atMost: number, of: (seconds: readonly number[]) => number, more = {}) =>
      rowOf(
        { figure: `${about}: ${figure}, ${which}`, unit: "s", goal: { atMost }, ...more },
        select(restarts, (one) => of(secondsOf(one))),
      );
    return [
      row("median", MAX_RETRY_SECONDS, median),
      row("last", MAX_RETRY_SECONDS + 1, (all) => Math.max(...all), note === undefined ? {} : { note }),
    ];
  };
  return [
    rowOf(
      {
        figure: `${about}: withdrawals at ${CLIENTS} clients of ${ROUTES} routes`,
        unit: "routes",
        goal: { atMost: 0 },
      },
      select(restarts, ({ withdrawals }) => withdrawals),
    ),
    ...rowsOf("a client is back", ({ returned }) => returned),
    ...rowsOf(
      "a route announced meanwhile arrives",
      ({ arrived }) => arrived,
      `one announced when all are back is at the last client in ${afterwards.join(" and ")}`,
    ),
  ];
}

async function restart(setup: Setup, name: ServerName): Promise<Restart> {
  const listen = freeAddress();
  const each = ROUTES / CLIENTS;
  await using first = await setup.start(name, { listen, settleSeconds: SETTLE_SECONDS });
  await using fleet = await startFleet(name, setup, {
    servers: [listen],
    announced: Array.from({ length: CLIENTS }, (_, client) => routesOf(client, each)),
  });
  const watch = new FleetWatch(fleet, CLIENTS, isNewRoute);
  const { clients } = watch;
  await watch.until("all routes of the others", ({ routes }) => routes === ROUTES - each);
  watch.startAnew();
  const killedMs = performance.now();
  process.kill(first.pid, "SIGKILL");
  await Bun.sleep(AWAY_MS / 2);
  for (const client of clients.keys()) await fleet.announce(client, newRoute(client));
  await Bun.sleep(killedMs + AWAY_MS - performance.now());
  await using _second = await setup.start(name, { listen, settleSeconds: SETTLE_SECONDS });
  const startedMs = performance.now();
  const isComplete = ({ routes }: ClientRecord) => routes === ROUTES - each + CLIENTS - 1;
  await watch.until("all routes, and the new ones", isComplete);
  const sinceKill = (atMs: number) => (atMs - killedMs) / 1000;
  const returned = clients.map(({ establishedMs }) => sinceKill(establishedMs ?? Number.NaN));
  const arrived = clients.flatMap(({ newRoutesMs }) => newRoutesMs.map(sinceKill));
  const announcedMs = performance.now();
  await fleet.announce(0, newRoute(CLIENTS));
  const [announcer] = clients;
  await watch.until("the last route", (one) => one === announcer || one.newRoutesMs.length === CLIENTS);
  const afterwardsMs = performance.now() - announcedMs;
  if (name === "bunbond") await Bun.sleep(startedMs + SETTLE_SECONDS * 1000 + SWEEP_MS - performance.now());
  watch.look();
  const withdrawals = clients.reduce((sum, client) => sum + client.withdrawals, 0);
  return { withdrawals, returned, arrived, afterwardsMs };
}

if (import.meta.main) await printRows(measureFailover);
