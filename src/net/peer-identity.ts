/**
 * The identity of the other side of a connection, as far as it is known. Today that is its address. The names in a
 * certificate will be part of it when connections have certificates.
 */
import { formatEndpoint } from "./endpoint.ts";

export interface PeerIdentity {
  /** The IPv4 or IPv6 address without brackets and zone: the scope of a link-local address is not known. */
  readonly address: string;
  readonly port: number;
}

/** Returns the identity as text for logs and status, as "[2001:db8::1]:52100". Two peers can have the same text. */
export function formatPeer({ address, port }: PeerIdentity): string {
  return formatEndpoint({ host: address, port });
}
