/** `bunbond decode` shows the messages in a capture file or in hex text. It needs no daemon. */
import { printable } from "../../base/marked-text.ts";
import { CaptureError } from "../../tools/capture/capture-error.ts";
import { type DecodedRecord, recordJson, recordText } from "../../tools/decode/decoded-record.ts";
import { type DecodeCounts, Decoder } from "../../tools/decode/decoder.ts";
import { DEFAULT_PORT } from "../../wire/protocol.ts";
import { readWholeNumber } from "../flags/values.ts";
import type { Command, CommandContext } from "../program/command.ts";
import type { CommandDefinition } from "../program/command-definition.ts";
import { CommandError } from "../program/command-error.ts";
import { EXIT_FAILED } from "../program/exit-codes.ts";
import { parseArguments } from "../program/flags.ts";
import type { LineWriter } from "../program/output.ts";
import { outputFlags, readOutput } from "../program/output-format.ts";
import { readInput } from "./input-file.ts";
import { writeRows } from "./stream-output.ts";

const definition = {
  meta: {
    name: "decode",
    description:
      "Show the MetalBond messages in a capture (pcap, pcapng) or in hex text, and what is wrong with them. Decoding goes on after a fault, after a gap, and where a capture begins inside a connection. What was counted is printed to stderr at the end.",
  },
  words: {
    valueHint: "FILE",
    example: "capture.pcap",
    description:
      "The capture, or hex in any layout: plain, with 0x or colons, or as hexdump -C, xxd, od and tcpdump -x print it. - reads standard input.",
  },
  args: {
    port: {
      type: "string",
      valueHint: "PORT",
      example: "4711",
      default: `${DEFAULT_PORT}`,
      description: "The servers' TCP port in the capture.",
    },
    ...outputFlags,
  },
} satisfies CommandDefinition;

export const decodeCommand: Command = {
  definition,
  topics: ["protocol-errors"],
  examples: [
    { comment: "A capture", line: "bunbond decode capture.pcap" },
    { comment: "Live, on the server", line: "tcpdump -i any -U -w - port 4711 | bunbond decode -" },
    { comment: "One message", line: "echo '01 00 02 01 08 05' | bunbond decode -" },
    {
      comment: "The UPDATEs that are withdrawals",
      line: `bunbond decode capture.pcap -o jsonl | jq -c 'select(.message.action == "REMOVE").message.route'`,
    },
  ],
  run: runDecode,
};

async function runDecode({ rawArgs, io }: CommandContext): Promise<number> {
  const { flags, words } = parseArguments(definition, rawArgs);
  const [path = ""] = words;
  const port = readWholeNumber("--port", flags.port, 1, 65535);
  const format = readOutput(flags);
  const isText = format === "table" || format === "wide";
  const asJson = !isText;
  const decoder = new Decoder(port);
  let fault: CaptureError | null = null;

  /** Ends without an error, so that what was decoded before it is printed first. */
  async function* records(): AsyncGenerator<DecodedRecord> {
    try {
      for await (const chunk of readInput(path)) yield* decoder.push(chunk);
      yield* decoder.end();
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      fault = error;
    }
  }

  await writeRows(io, records(), format, { text: recordText, object: recordJson });
  if (isText) io.stderr.write(summary(decoder.counts, port));
  if (fault !== null) return reportFault(io.stderr, path, fault, asJson);
  if (decoder.counts.messages + decoder.counts.faults > 0) return 0;
  throw new CommandError(`${path}: ${whyNothing(decoder.counts, port)}`, {
    code: "NOTHING_DECODED",
    exitCode: EXIT_FAILED,
  });
}

/** Reports why the file cannot be read any further, with the place in a text below. */
function reportFault(stderr: LineWriter, path: string, fault: CaptureError, asJson: boolean): number {
  const { code, message, caret } = fault;
  const text = `${path}: ${message}`;
  if (asJson || caret === null) throw new CommandError(text, { code, exitCode: EXIT_FAILED });
  stderr.write(`bunbond decode: ${printable(text)}\n${caret.replace(/^/gm, "  ")}\n`);
  return EXIT_FAILED;
}

function summary({ packets, segments, connections, messages, faults }: DecodeCounts, port: number): string {
  const found = `${counted(messages, "message")}, ${counted(faults, "fault")}`;
  if (packets === 0) return `${found}\n`;
  const ofPort = `${segments} of port ${port} in ${counted(connections, "connection")}`;
  return `${found}; ${counted(packets, "packet")}, ${ofPort}\n`;
}

function whyNothing({ packets, segments, unknownLinks }: DecodeCounts, port: number): string {
  if (packets === 0) return "there is no message in it";
  const [link] = unknownLinks.keys();
  if (link !== undefined) return `packets of link type ${link} cannot be read`;
  if (segments === 0) return `no packet is of TCP port ${port}; --port takes another one`;
  return `the packets of TCP port ${port} hold no message`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
