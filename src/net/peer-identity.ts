/**
 * The identity of the other side of a connection, as far as it is known. Today that is its address; what a certificate
 * says of it belongs here, too, once connections have any.
 */
import { formatEndpoint } from "./endpoint.ts";

export interface PeerIdentity {
  /** IPv4 or IPv6 address without brackets and without a zone: the scope of a link-local address is not known. */
  readonly address: string;
  readonly port: number;
}

/** The identity as text for logs and status, as "[2001:db8::1]:52100". Two peers can look alike. */
export function formatPeer({ address, port }: PeerIdentity): string {
  return formatEndpoint({ host: address, port });
}
