/*
 * The rows of the route table and of its journal have eight words (half a cache line) in one array (row-pool.ts), so
 * that one memory access loads everything needed to decide about a route.
 *
 *     word      of a route                                    of a cursor in a journal
 *     NEXT      next row of the VNI's journal                 the same
 *     PREVIOUS  previous row                                  the same
 *     PREFIX    handle × 2, + 1 for IPv6                      -1
 *     SIBLING   the route to the same destination that has    -
 *               changed before it (destination-routes.ts)
 *     HOP       number of its next hop                        -
 *     SLOT      its bit in subscriptions' bitmaps             number of subscriptions here
 *     ORIGIN    its origins (origins.ts); a tombstone has     -
 *               -1 - the number of subscriptions with a
 *               pending withdrawal of it
 *     VNI       index of its VNI                              the same
 *
 * A route without origins is a tombstone.
 */

export const NEXT = 0;
export const PREVIOUS = 1;
export const PREFIX = 2;
export const SIBLING = 3;
export const HOP = 4;
export const SLOT = 5;
export const ORIGIN = 6;
export const VNI = 7;

/** Words per row, as a shift: row × 8. */
export const ROW_SHIFT = 3;
export const ROUTE_ROW_WORDS = 1 << ROW_SHIFT;
