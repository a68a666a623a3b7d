/**
 * The pages of `bunbond help TOPIC`: Markdown files beside this one, which the executable holds inside. A line
 * `{{settings of the server}}` and the like stands for a table that is made from the commands' definitions and the catalogues.
 */
import { HTTP_REFUSALS } from "../../http/connections/http-counters.ts";
import { UNREADY_REASONS } from "../../http/monitoring/readiness.ts";
import { CLIENT_DAEMON_OPTIONS } from "../../options/client-options.ts";
import { SERVER_OPTIONS } from "../../options/server-options.ts";
import { REFUSAL_REASONS } from "../../server/counters.ts";
import type { Command } from "../program/command.ts";
import type { HelpTopic } from "../program/help.ts";
import agreement from "./agreement.md" with { type: "text" };
import closeReasons from "./close-reasons.md" with { type: "text" };
import config from "./config.md" with { type: "text" };
import executable from "./executable.md" with { type: "text" };
import exitCodes from "./exit-codes.md" with { type: "text" };
import http from "./http.md" with { type: "text" };
import kernel from "./kernel.md" with { type: "text" };
import limits from "./limits.md" with { type: "text" };
import logEvents from "./log-events.md" with { type: "text" };
import metrics from "./metrics.md" with { type: "text" };
import migration from "./migration.md" with { type: "text" };
import operations from "./operations.md" with { type: "text" };
import output from "./output.md" with { type: "text" };
import protocolErrors from "./protocol-errors.md" with { type: "text" };
import {
  closeReasonTable,
  closingCodeTable,
  exitCodeTable,
  labelTable,
  logEventTable,
  metricList,
  settingsTable,
  skipCodeTable,
} from "./reference-tables.ts";
import { renderText } from "./render-text.ts";
import restarts from "./restarts.md" with { type: "text" };
import service from "./service.md" with { type: "text" };
import troubleshooting from "./troubleshooting.md" with { type: "text" };
import upgrade from "./upgrade.md" with { type: "text" };

/** The pages in the order in which help lists them: first tasks, then reference. */
const MARKDOWN: Readonly<Record<string, string>> = {
  operations,
  service,
  config,
  kernel,
  restarts,
  upgrade,
  migration,
  limits,
  agreement,
  troubleshooting,
  "log-events": logEvents,
  "close-reasons": closeReasons,
  "protocol-errors": protocolErrors,
  metrics,
  output,
  http,
  "exit-codes": exitCodes,
  executable,
};

export const TOPIC_NAMES: readonly string[] = Object.keys(MARKDOWN);

export interface TopicPage {
  readonly name: string;
  /** Its first heading. */
  readonly title: string;
  /** The whole page, heading and generated tables included. */
  readonly markdown: string;
}

export function topicPages(commands: readonly Command[]): TopicPage[] {
  return Object.entries(MARKDOWN).map(([name, text]) => {
    const markdown = text.replaceAll(/^\{\{(.*)\}\}$/gm, (_, what: string) => generated(what, commands));
    const [, title = name] = /^# (.*)$/m.exec(text) ?? [];
    return { name, title, markdown };
  });
}

/** The page below its title. */
export function pageBody({ markdown }: TopicPage): string {
  return markdown.replace(/^# .*\n/, "");
}

export function helpTopics(commands: readonly Command[]): HelpTopic[] {
  return topicPages(commands).map(({ name, title, markdown }) => ({
    name,
    title,
    text: (layout) => renderText(markdown, layout),
  }));
}

function generated(what: string, commands: readonly Command[]): string {
  switch (what) {
    case "settings of the server":
      return settingsTable(SERVER_OPTIONS);
    case "settings of the client":
      return settingsTable(CLIENT_DAEMON_OPTIONS);
    case "warnings and errors of the log":
      return logEventTable("error", "warn");
    case "normal events of the log":
      return logEventTable("info");
    case "close reasons":
      return closeReasonTable();
    case "codes that close the connection":
      return closingCodeTable();
    case "codes that skip a message":
      return skipCodeTable();
    case "metrics":
      return metricList();
    case "reasons of refused connections":
      return labelTable(REFUSAL_REASONS);
    case "reasons for which a daemon is not ready":
      return labelTable(UNREADY_REASONS, "reason", "what it means");
    case "reasons of HTTP refusals":
      return labelTable(HTTP_REFUSALS);
    case "exit codes":
      return exitCodeTable(commands);
    default:
      throw new Error(`no table is generated for {{${what}}}`);
  }
}
