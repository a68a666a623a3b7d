/** Every file of this folder; what the steps mean stands in support/network-scenario.ts. */
import type { NetworkScenarios } from "../../support/scenario/network-scenario.ts";
import oneServer from "./one-server.json";
import severalServers from "./several-servers.json";
import stayingUp from "./staying-up.json";

export const networkScenarios: Readonly<Record<string, NetworkScenarios>> = {
  "one server": oneServer,
  "several servers": severalServers,
  "staying up": stayingUp,
};
