/**
 * A reader of /routes.json that takes it as fast as it can, as a process of its own: bun test/attack/patient-reader.ts URL
 *
 * It reads one document after the other, and for each one prints how many milliseconds have passed since it first asked for it: who is
 * turned away, or cut off, asks again.
 */
const RETRY_MS = 300;
const [url = ""] = process.argv.slice(2);

for (;;) {
  const startMs = performance.now();
  while (!(await readsWhole())) await Bun.sleep(RETRY_MS);
  console.log(performance.now() - startMs);
}

async function readsWhole(): Promise<boolean> {
  try {
    const response = await fetch(url, { headers: { Connection: "close" } });
    let last = "";
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) last = decoder.decode(chunk.subarray(-1));
    return response.ok && last === "}";
  } catch {
    return false;
  }
}
