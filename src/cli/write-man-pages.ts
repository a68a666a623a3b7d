#!/usr/bin/env bun
/** `npm run man`: writes the manual's pages to dist/man, or to the directory that is given. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { commands } from "./commands.ts";
import { manPages } from "./help/man-pages.ts";
import { topicPages } from "./help/topics.ts";
import { versionInfo } from "./program/version.ts";
import { versionCommand } from "./program/version-command.ts";

const [directory = "dist/man"] = process.argv.slice(2);
const all = [...commands, versionCommand];
const pages = manPages({ commands: all, topics: topicPages(all), version: versionInfo.version });
await mkdir(directory, { recursive: true });
for (const { fileName, text } of pages) await Bun.write(join(directory, fileName), text);
console.log(`${pages.length} pages in ${directory}; man -l ${join(directory, "bunbond.1")} shows the first`);
