/** What a model was made from, in a word: of a path the run or the folder, of all else what it is. */
export function baseName(base: string): string {
  if (!base.startsWith('/')) return base;
  const parts = base.split('/').filter(Boolean);
  return (parts.at(-1) === 'model' ? parts.at(-2) : parts.at(-1)) ?? base;
}
