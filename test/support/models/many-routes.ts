import type { Route } from "../../../src/route/route.ts";
import { routeOfText } from "./frame-text.ts";

const TEMPLATE = routeOfText("100 10.0.0.0/32 via 2001:db8::1");

/** Host routes from 10.0.0.0 upwards, all in VNI 100 and by the same hop. */
export function manyRoutes(count: number): Route[] {
  const { destination } = TEMPLATE;
  return Array.from({ length: count }, (_, n) => ({
    ...TEMPLATE,
    destination: { ...destination, w0: destination.w0 + n },
  }));
}
