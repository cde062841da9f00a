/**
 * The pages of beside.mjs, a row a tool: how its files are written, how it is served, the addresses of its views,
 * and what in them is a chart that holds a curve.
 *
 * - `charts`, `kind`: an element a chart; `canvas` is drawn when it has coloured pixels, `path` when it has an SVG
 *   path of more than ten points;
 * - `inSight`: charts at least partly in a window of 1440 x 900, all of which have to be drawn;
 * - `shows`: what a curve there is made of;
 * - `zoomed`: the comparison with a part of the steps in view, where the wheel pans within it;
 * - `wheel`: the key that makes the wheel zoom or pan, over what, and what in the page changes with the curves when
 *   they are drawn out of its sight.
 */
import { join } from 'node:path';

const REPOSITORY = new URL('../..', import.meta.url).pathname;
const rival = (name) => ({ writer: (here) => [join(here, 'rivals.py'), name], writerEnv: { PYTHONPATH: '' } });

export const TOOLS = [
  {
    name: 'whet',
    python: 'PYTHON',
    writer: (here) => [join(here, 'runs.py')],
    writerEnv: { PYTHONPATH: REPOSITORY },
    isAddressPrinted: true,
    server: (folder) => ({
      args: ['-m', 'whet', 'ui', '--root', folder, '--port', '0'],
      env: { PYTHONPATH: REPOSITORY },
    }),
    long: (address) => new URL('/runs/long', address).href,
    compared: (address, made, names) => new URL(`/compare?runs=${names.join(',')}`, address).href,
    zoomed: (compared) => `${compared}&from=200&to=900`,
    charts: 'figure canvas',
    kind: 'canvas',
    inSight: 4,
    shows: 'all runs, extremes of every pixel kept',
    wheel: { key: 'Shift', over: '.u-over', changing: '' },
  },
  {
    name: 'mlflow',
    python: 'MLFLOW_PYTHON',
    ...rival('mlflow'),
    server: (folder, port) => ({
      args: [
        ...['-m', 'mlflow', 'server', '--backend-store-uri', `sqlite:///${join(folder, 'mlflow.db')}`],
        ...['--artifacts-destination', join(folder, 'artifacts'), '--host', '127.0.0.1', '--port', String(port)],
      ],
      env: { MLFLOW_DISABLE_TELEMETRY: 'true', DO_NOT_TRACK: 'true', PYTHONPATH: '' },
    }),
    long: (address, made) => `${address}#/experiments/${made.long[0]}/runs/${made.long[1]}/model-metrics`,
    compared: (address, made) => `${address}#/experiments/${made.compared[0]}/runs?compareRunsMode=CHART`,
    charts: '.scatterlayer',
    kind: 'path',
    inSight: 4,
    shows: 'the ten newest runs, which it shows of itself, 320 points each',
    wheel: { key: '', over: '.nsewdrag', changing: '.scatterlayer' },
  },
  {
    name: 'tensorboard',
    python: 'TRACKERS_PYTHON',
    ...rival('tensorboard'),
    server: (folder, port, project) => ({
      args: ['-m', 'tensorboard.main', '--logdir', join(folder, project), '--port', String(port), '--host', '127.0.0.1'],
      env: { PYTHONPATH: '' },
    }),
    long: (address) => `${address}#timeseries`,
    compared: (address) => `${address}#timeseries`,
    charts: 'line-chart .series-view canvas, line-chart canvas',
    kind: 'canvas',
    inSight: 4,
    shows: 'all runs, a sample of 1,000 points each',
    wheel: { key: 'Alt', over: 'line-chart', changing: 'line-chart' },
  },
  {
    name: 'trackio',
    python: 'TRACKERS_PYTHON',
    ...rival('trackio'),
    server: (folder, port, project) => ({
      args: [
        '-c',
        `import trackio; trackio.show(project=${JSON.stringify(project)}, open_browser=False, server_port=${port}, block_thread=True)`,
      ],
      env: { TRACKIO_DIR: folder, PYTHONPATH: '' },
    }),
    long: (address) => `${address}?project=long`,
    compared: (address) => `${address}?project=compared`,
    charts: '.vega-embed canvas',
    kind: 'canvas',
    inSight: 4,
    shows: 'all runs',
    wheel: { key: '', over: '.vega-embed canvas', changing: '' },
  },
];
