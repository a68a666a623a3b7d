/** What the sources of the page must not do: make HTML of text, or name another host. */
import { expect, test } from "bun:test";
import { bundlePage } from "../../src/page/bundle.ts";

const SOURCE = new URL("../../src/page/", import.meta.url).pathname;
const HTML_OF_TEXT =
  /\b(innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|setHTMLUnsafe|parseFromString|document\.write|eval|new Function)\b/;

test("text never becomes HTML or code, also in the bundle with uPlot", async () => {
  const paths = await Array.fromAsync(new Bun.Glob("**/*.ts").scan(SOURCE));
  expect(paths.length).toBeGreaterThan(15);
  for (const path of paths) expect(await Bun.file(SOURCE + path).text()).not.toMatch(HTML_OF_TEXT);
  const script = (await bundlePage()).find(({ path }) => path.endsWith(".js"));
  expect(script?.text).not.toMatch(HTML_OF_TEXT);
});

test("no file names another host, a style attribute or an inline handler", async () => {
  for (const { path, text } of await bundlePage()) {
    expect([path, text.match(/(?:https?:)?\/\/[\w-]+\.[\w.-]+/g) ?? []]).toEqual([
      path,
      // The name of SVG's elements, which is never requested.
      path.endsWith(".svg") ? ["http://www.w3.org"] : [],
    ]);
    if (path === "/") expect(text).not.toMatch(/\s(?:style|on[a-z]+)=|<style|<script(?![^>]*\ssrc=)/);
  }
});

test("the script, with uPlot, is smaller than 100 KB", async () => {
  const script = (await bundlePage()).find(({ path }) => path === "/page/main.js");
  expect(script?.text.length).toBeLessThan(100_000);
});
