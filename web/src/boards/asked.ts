/** What is typed of a new board, as the server takes it. */

/** The id of a title: a-z, 0-9 and -. */
export function idOf(title: string): string {
  const id = title
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 60);
  return id || `board-${Date.now().toString(36)}`;
}

/** Names of a text with commas between, each once. */
export function namesOf(text: string): string[] {
  return [...new Set(text.split(',').map((name) => name.trim()))].filter(Boolean);
}

/** The settings of a run that an entry may be held to: those at the top, and those one below. */
export function settingsOf(config: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(config).flatMap(([name, value]) => {
    if (value === null || value === '') return [];
    if (typeof value !== 'object' || Array.isArray(value)) return [name];
    const inner = Object.entries(value).filter(([, one]) => one !== null && one !== '');
    return inner.length ? [name, ...inner.map(([part]) => `${name}.${part}`)] : [];
  });
}
