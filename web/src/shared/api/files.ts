/** Where files of a run are read: names are a person's, and may hold what means something in an address. */

const placeOf = (run: string, door: 'files' | 'pages', path: string): string =>
  `/api/v1/runs/${encodeURIComponent(run)}/${door}/${path.split('/').map(encodeURIComponent).join('/')}`;

/** Where a file of a run is read: media as what they are, all else as text. */
export const fileOf = (run: string, path: string): string => placeOf(run, 'files', path);

/** Where a page that was logged is shown as one: without scripts, and of no origin. */
export const pageOf = (run: string, path: string): string => placeOf(run, 'pages', path);
