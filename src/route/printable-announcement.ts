/** Parses announcements for programs, which get printable routes. */
import { type ParsedAnnouncement, parseAnnouncementText } from "./announcement-text.ts";
import { printableRoute } from "./printable-route.ts";

/**
 * Reads a route from text, "100#10.0.1.0/24@2001:db8::1", as `--announce` takes it.
 * @throws AnnouncementError
 */
export function parseAnnouncement(text: string): ParsedAnnouncement {
  const parsed = parseAnnouncementText(text);
  return { ...parsed, route: printableRoute(parsed.route) };
}
