/** The YAML that run configs are written in: maps by indentation, lists, plain and quoted values, flow as JSON has it. */

export type Value = string | number | boolean | null | Value[] | { [name: string]: Value };

interface Line {
  indent: number;
  text: string;
  number: number;
}

/** Raises an Error that names the line which is none of these. */
export function readYaml(text: string): Value {
  const lines = text
    .split(/\r?\n/)
    .map((line, index) => ({ indent: line.search(/\S|$/), text: bare(line).trim(), number: index + 1 }))
    .filter((line) => line.text && line.text !== '---');
  const [found, end] = block(lines, 0, lines[0]?.indent ?? 0);
  const left = lines[end];
  if (left) throw new Error(`line ${left.number}: ${left.text.slice(0, 60)}`);
  return found;
}

/** Without its comment. */
function bare(line: string): string {
  return line.replace(/^((?:[^#"']|"[^"]*"|'[^']*'|\S#)*?)(?:^|\s)#.*$/, '$1');
}

function block(lines: readonly Line[], from: number, indent: number): [Value, number] {
  const first = lines[from];
  if (!first) return [null, from];
  return first.text.startsWith('- ') || first.text === '-'
    ? list(lines, from, indent)
    : map(lines, from, indent);
}

function map(lines: readonly Line[], from: number, indent: number): [Value, number] {
  const found: Record<string, Value> = {};
  let at = from;
  for (let line = lines[at]; line?.indent === indent; line = lines[at]) {
    const [, name, rest = ''] = /^("[^"]*"|'[^']*'|[^\s:'"[{][^:]*?)\s*:(?:\s+(.*))?$/.exec(line.text) ?? [];
    if (name === undefined) throw new Error(`line ${line.number}: ${line.text.slice(0, 60)}`);
    at += 1;
    const next = lines[at];
    const isBelow = next && (next.indent > indent || (next.indent === indent && next.text.startsWith('- ')));
    if (rest || !isBelow) found[String(scalar(name, line))] = scalar(rest, line);
    else [found[String(scalar(name, line))], at] = block(lines, at, next.indent);
  }
  return [found, at];
}

function list(lines: readonly Line[], from: number, indent: number): [Value, number] {
  const found: Value[] = [];
  let at = from;
  for (let line = lines[at]; line?.indent === indent && line.text.startsWith('-'); line = lines[at]) {
    const text = line.text.slice(1).trim();
    const inner = indent + line.text.length - text.length;
    if (!/^[^\s"'[{]+:(\s|$)/.test(text)) {
      found.push(scalar(text, line));
      at += 1;
      continue;
    }
    const own = [{ ...line, indent: inner, text }, ...lines.slice(at + 1)];
    const [value, taken] = map(own, 0, inner);
    found.push(value);
    at += taken;
  }
  return [found, at];
}

function scalar(text: string, line: Line): Value {
  if (text === '' || text === '~' || text === 'null') return null;
  if (text === 'true' || text === 'false') return text === 'true';
  if (/^[-+]?(\d[\d_]*\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text)) return Number(text.replaceAll('_', ''));
  if (/^".*"$/.test(text)) return JSON.parse(text) as string;
  if (/^'.*'$/.test(text)) return text.slice(1, -1).replaceAll("''", "'");
  if (/^[[{]/.test(text)) return flow(text, line);
  if (/^[|>&*!]/.test(text)) throw new Error(`line ${line.number}: ${line.text.slice(0, 60)}`);
  return text;
}

/** JSON, or what differs from it by words without quotes alone. */
function flow(text: string, line: Line): Value {
  const quoted = text.replace(/"[^"]*"|[^\s,:{}[\]"]+/g, (word) =>
    /^(".*"|true|false|null|-?\d+(\.\d+)?(e[-+]?\d+)?)$/i.test(word) ? word : JSON.stringify(word),
  );
  try {
    return JSON.parse(quoted) as Value;
  } catch {
    throw new Error(`line ${line.number}: ${line.text.slice(0, 60)}`);
  }
}
