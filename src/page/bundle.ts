/**
 * Makes the files of the page at `/` from this folder:
 *
 *     browser/ + view/ + uPlot ─▶ page/main.js        style.css + uPlot's ─▶ page/style.css
 *     index.html, icon.svg ─▶ as they are
 *
 * The build puts the result into the executable (build.ts), and `npm pack` into dist/page.json. Run from source, the program makes
 * it at the first request.
 */

/** A file of the page, by its path from the root of the server. */
export interface PageFile {
  readonly path: string;
  readonly contentType: string;
  readonly text: string;
}

const FOLDER = import.meta.dir;
const PREPARED = `${FOLDER}/../../dist/page.json`;

/** Resolves to the files that were made for a package; null if uPlot is installed, so that they can be made anew. */
export async function readPage(): Promise<PageFile[] | null> {
  if (canBundle()) return null;
  return (await Bun.file(PREPARED).json()) as PageFile[]; // written by this program
}

export async function writePage(): Promise<void> {
  await Bun.write(PREPARED, JSON.stringify(await bundlePage()));
}

function canBundle(): boolean {
  try {
    Bun.resolveSync("uplot", FOLDER);
    return true;
  } catch {
    return false;
  }
}

/** @throws when a source cannot be bundled */
export async function bundlePage(): Promise<PageFile[]> {
  const { outputs } = await Bun.build({
    entrypoints: [`${FOLDER}/browser/main.ts`, `${FOLDER}/style.css`],
    target: "browser",
    format: "esm",
    minify: true,
  });
  const textOf = async (extension: string) => {
    const output = outputs.find(({ path }) => path.endsWith(extension));
    if (output === undefined) throw new Error(`the bundle of the page has no ${extension}`);
    return output.text();
  };
  const read = (name: string) => Bun.file(`${FOLDER}/${name}`).text();
  return [
    { path: "/", contentType: "text/html;charset=utf-8", text: await read("index.html") },
    { path: "/page/main.js", contentType: "text/javascript;charset=utf-8", text: await textOf(".js") },
    { path: "/page/style.css", contentType: "text/css;charset=utf-8", text: await textOf(".css") },
    { path: "/page/icon.svg", contentType: "image/svg+xml", text: await read("icon.svg") },
  ];
}

if (import.meta.main) await writePage();
