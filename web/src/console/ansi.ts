/** Colours of a terminal in a line: SGR sequences as parts with classes; everything else of a terminal is left out. */

export interface Part {
  text: string;
  /** 0 to 7 as in a terminal; null for the text's own. */
  color: number | null;
  isBold: boolean;
}

// CSI sequences; of those only the ones that end with `m` mean something here.
// eslint-disable-next-line no-control-regex
const CSI = /\u001b\[([0-9;]*)([A-Za-z])/g;

/** A line in parts of one look each. */
export function partsOf(line: string): Part[] {
  const parts: Part[] = [];
  let [color, isBold, from]: [number | null, boolean, number] = [null, false, 0];
  const add = (text: string) => text && parts.push({ text, color, isBold });
  for (const found of line.matchAll(CSI)) {
    add(line.slice(from, found.index));
    from = found.index + found[0].length;
    if (found[2] !== 'm') continue;
    for (const code of (found[1] || '0').split(';').map(Number)) {
      if (code === 0) [color, isBold] = [null, false];
      else if (code === 1) isBold = true;
      else if (code === 22) isBold = false;
      else if (code === 39) color = null;
      else if (code >= 30 && code <= 37) color = code - 30;
      else if (code >= 90 && code <= 97) color = code - 90;
    }
  }
  add(line.slice(from));
  return parts;
}
