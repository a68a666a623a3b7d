/**
 * What a server is known to be, on the present connection. It is unknown until its id (in HELLO) or an End-of-RIB shows that it is
 * a BunBond. An unknown server is treated as a Go server:
 *
 *                        unknown                              bunbond
 *     writes             paced (unless pacing is "never")     at full speed (unless pacing is "always")
 *     an ADD of ours     may be an echo                       is another client's
 *     table complete     after a time without ADDs            at the End-of-RIB
 *     UNSUBSCRIBE        takes our announcements along        leaves them alone
 */
export type PeerKind = "unknown" | "bunbond";
