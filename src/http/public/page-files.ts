/**
 * The files of the page, made at the first request when the program runs from source. In the executable, the build puts a module with
 * the files' text in the place of this one (build.ts); a package from npm has them in dist/page.json, since uPlot is not installed
 * with it.
 */
import { bundlePage, type PageFile, readPage } from "../../page/bundle.ts";

let files: Promise<readonly PageFile[]> | null = null;

export function pageFiles(): Promise<readonly PageFile[]> {
  files ??= readPage().then((prepared) => prepared ?? bundlePage());
  return files;
}
