/** Where a text holds what is looked for, whatever the case. */

/** A text in pieces, of which every second one is what was found. */
export function piecesOf(text: string, search: string): string[] {
  if (!search) return [text];
  // Not by making both lower: some letters become longer by it, and all that follows would stand elsewhere.
  const wanted = new RegExp(search.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'), 'giu');
  const pieces: string[] = [];
  let from = 0;
  for (const found of text.matchAll(wanted)) {
    pieces.push(text.slice(from, found.index), found[0]);
    from = found.index + found[0].length;
  }
  return [...pieces, text.slice(from)];
}
