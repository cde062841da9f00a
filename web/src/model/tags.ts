/** Tags as they are typed: `team=birds, use=chat`. */

export const written = (tags: Readonly<Record<string, string>>) =>
  Object.entries(tags)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');

/** The tags of a text; a part that is none is answered as a text alone. */
export function read(text: string): Record<string, string> | string {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
  const bad = parts.find((part) => part.indexOf('=') < 1);
  if (bad !== undefined) return bad;
  return Object.fromEntries(
    parts.map((part) => {
      const at = part.indexOf('=');
      return [part.slice(0, at).trim(), part.slice(at + 1).trim()];
    }),
  );
}

/** What is to be set so that `before` becomes `after`: null takes a tag away. */
export function changed(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): Record<string, string | null> {
  const gone = Object.keys(before).filter((key) => !(key in after));
  const set = Object.entries(after).filter(([key, value]) => before[key] !== value);
  return { ...Object.fromEntries(gone.map((key) => [key, null])), ...Object.fromEntries(set) };
}
