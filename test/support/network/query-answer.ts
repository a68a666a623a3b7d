import { queryEndpoints } from "../../../src/http/queries/query-endpoints.ts";
import type { QuerySource } from "../../../src/http/queries/query-source.ts";
import { type HttpRoute, Router } from "../../../src/http/router.ts";
import type { ClientRig } from "./client-rig.ts";

/** Resolves to the answer of the endpoints, as an HTTP listener gets it, while time passes. */
export async function askQuery<T>(
  rig: ClientRig,
  source: QuerySource,
  path: string,
  further: readonly HttpRoute[] = [],
): Promise<T> {
  const failures: unknown[] = [];
  const routes = [...queryEndpoints(source), ...further];
  const router = new Router({ routes, onFailure: (error) => failures.push(error) });
  const url = new URL(path, "http://localhost");
  const answered = router.answer({
    method: "GET",
    path: url.pathname,
    query: url.searchParams,
    host: "localhost",
    text: async () => "",
    signal: new AbortController().signal,
  });
  await rig.until(answered.then(() => {}));
  const answer = await answered;
  if (failures.length > 0) throw failures[0];
  let text = "";
  if (typeof answer.body === "string") text = answer.body;
  else {
    const read = async () => {
      for await (const piece of answer.body) text += piece;
    };
    await rig.until(read());
    const lines = text.trim().split("\n");
    // The answer's shape is what the test is about.
    return (text === "" ? [] : lines.map((line) => JSON.parse(line))) as T;
  }
  return JSON.parse(text);
}
