/** Daemons' routes as they tell them over HTTP, for programs started with `--http`. */
import type { ChildProcess } from "./child-process.ts";

/** "http://[::1]:4712" */
export async function httpBase(program: ChildProcess): Promise<string> {
  return `http://${(await program.logged(/ serving HTTP address=(\S+)/))[1]}`;
}

/** Asks again and again until the program has so many routes, since HTTP tells of no changes. */
export async function hasRoutes(program: ChildProcess, count: number): Promise<void> {
  const base = await httpBase(program);
  let found: number;
  do {
    const yaml = await (await fetch(`${base}/routes.yaml`)).text();
    found = yaml.split("targetaddress").length - 1;
  } while (found !== count);
}
