/** Completion of the filter language: what can stand where the caret is. */

export interface Offer {
  text: string;
  /** `name`, `sign`, `word` or `value`. */
  kind: string;
}

/** Values that are known of a name, such as statuses. */
export type Values = Readonly<Record<string, readonly string[]>>;

const SIGNS = ['==', '!=', '<', '<=', '>', '>=', 'in'];
const PLAIN = /^[^\W\d][\w./-]*$/;
const MOST = 12;

/** The word before the caret, what it could become, and where it begins. */
export function offers(
  text: string,
  caret: number,
  names: readonly string[],
  values: Values,
): { from: number; found: Offer[] } {
  const before = text.slice(0, caret);
  const word = /(?:`[^`]*|"[^"]*|[\w./-]*)$/.exec(before)?.[0] ?? '';
  const from = caret - word.length;
  const left = before.slice(0, from).trimEnd();
  return {
    from,
    found: candidates(left, names, values)
      .filter((one) => fits(one.text, word))
      .slice(0, MOST),
  };
}

function fits(text: string, word: string): boolean {
  const bare = word.replace(/^[`"]/, '').toLowerCase();
  return text.toLowerCase() !== word.toLowerCase() && text.toLowerCase().includes(bare);
}

function candidates(left: string, names: readonly string[], values: Values): Offer[] {
  const compared = /([\w./-]+|`[^`]+`)\s*(?:==|!=|<=?|>=?|in\s*\((?:[^)]*,)?)$/.exec(left);
  if (compared) {
    const name = (compared[1] ?? '').replaceAll('`', '');
    return (values[name] ?? []).map((value) => ({ text: JSON.stringify(value), kind: 'value' }));
  }
  if (left === '' || /(?:\b(?:and|or|not)|\()$/.test(left))
    return names.map((name) => ({ text: quotedName(name), kind: 'name' }));
  if (/(?:[\d"')]|\b(?:true|false|none|nan|inf))$/.test(left) && /[=<>]|\bin\b/.test(left))
    return ['and', 'or'].map((text) => ({ text, kind: 'word' }));
  return SIGNS.map((text) => ({ text, kind: 'sign' }));
}

/** A name as the filter language writes it: in backticks where it is no plain word. */
export function quotedName(name: string): string {
  return PLAIN.test(name) ? name : `\`${name}\``;
}
