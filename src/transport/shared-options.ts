/** The checks of the options that servers and clients have in common (base/option-checks.ts). */

import { checkKeepalive, objectWith, oneOf } from "../base/option-checks.ts";

export const SHARED_OPTIONS = {
  keepaliveSeconds: checkKeepalive,
  pacing: oneOf("auto", "always", "never"),
  logger: objectWith(["debug", "info", "warn", "error"]),
  clock: objectWith(["nowMs", "after", "soon"]),
  network: objectWith(["listen", "connect"]),
};
