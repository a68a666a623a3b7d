/**
 * Writes an image in the layout of the Open Container Initiative (image-layout.md, specification 1.0) with one layer:
 *
 *     oci-layout
 *     index.json ─▶ blobs/sha256/MANIFEST ─▶ blobs/sha256/CONFIG
 *                                         └▶ blobs/sha256/LAYER     a tar.gz
 */
import { type ArchiveEntry, textFile, withDirectories } from "./archive-entry.ts";
import { tarArchive } from "./tar.ts";

export interface OciImage {
  /** "amd64" or "arm64", as Go calls it. */
  readonly architecture: string;
  readonly version: string;
  readonly entrypoint: readonly string[];
  /** The user and the group that the program runs as, "UID:GID". */
  readonly user: string;
  readonly ports: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly files: readonly ArchiveEntry[];
  readonly timeSeconds: number;
}

/** Returns the files of the layout. */
export function ociLayout(image: OciImage): ArchiveEntry[] {
  const { architecture, version, entrypoint, user, ports, labels, files, timeSeconds } = image;
  const created = new Date(timeSeconds * 1000).toISOString();
  const tar = tarArchive(withDirectories(files), timeSeconds);
  const layer = blob("application/vnd.oci.image.layer.v1.tar+gzip", Bun.gzipSync(Buffer.from(tar)));
  const config = jsonBlob("application/vnd.oci.image.config.v1+json", {
    created,
    architecture,
    os: "linux",
    config: {
      User: user,
      ExposedPorts: Object.fromEntries(ports.map((port) => [port, {}])),
      Env: ["PATH=/usr/bin"],
      Entrypoint: entrypoint,
      WorkingDir: "/",
      Labels: labels,
    },
    rootfs: { type: "layers", diff_ids: [digestOf(tar)] },
    history: [{ created, created_by: "npm run package" }],
  });
  const manifest = jsonBlob("application/vnd.oci.image.manifest.v1+json", {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: config.descriptor,
    layers: [layer.descriptor],
    annotations: labels,
  });
  const platform = { architecture, os: "linux" };
  const annotations = { "org.opencontainers.image.ref.name": version };
  return [
    textFile("oci-layout", `${JSON.stringify({ imageLayoutVersion: "1.0.0" })}\n`),
    textFile(
      "index.json",
      `${JSON.stringify({
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.index.v1+json",
        manifests: [{ ...manifest.descriptor, platform, annotations }],
      })}\n`,
    ),
    layer.file,
    config.file,
    manifest.file,
  ];
}

interface Blob {
  /** What other blobs refer to it by. */
  readonly descriptor: { readonly mediaType: string; readonly digest: string; readonly size: number };
  readonly file: ArchiveEntry;
}

function blob(mediaType: string, bytes: Uint8Array): Blob {
  const digest = digestOf(bytes);
  return {
    descriptor: { mediaType, digest, size: bytes.length },
    file: { type: "file", path: `blobs/${digest.replace(":", "/")}`, bytes, mode: 0o644 },
  };
}

function jsonBlob(mediaType: string, value: object): Blob {
  return blob(mediaType, Buffer.from(JSON.stringify(value)));
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;
}
