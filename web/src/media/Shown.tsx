/** One thing that was logged, as it is looked at or heard: a part a kind; what no part shows can be downloaded. */
import type { ComponentType } from 'react';
import { fileOf, pageOf } from '~/shared/api/files';
import { Icon } from '~/shared/controls/icons';
import { bytes } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { HistogramOf } from './HistogramOf';
import { PointsOf } from './PointsOf';
import { TableOf } from './TableOf';
import css from './media.module.css';
import type { PartProps } from './part';
import type { Entry } from './queries';
import { words } from './strings';

const PARTS: Readonly<Record<string, ComponentType<PartProps>>> = {
  image: Picture,
  video: Film,
  audio: Sound,
  text: Words,
  html: Page,
  table: TableOf,
  histogram: HistogramOf,
  object3d: Solid,
};

export function Shown({ run, name, entry }: { run: string; name: string; entry: Entry }) {
  const Part = PARTS[String(entry.type)] ?? Other;
  const { caption } = entry;
  return (
    <figure className={css.entry}>
      <Part
        run={run}
        name={name}
        entry={entry}
        show={(within, its) => <Shown run={run} name={its} entry={within} />}
      />
      {typeof caption === 'string' && caption && <figcaption>{caption}</figcaption>}
    </figure>
  );
}

const urlOf = ({ run, entry }: PartProps): string => fileOf(run, String(entry.path ?? ''));

function Picture(props: PartProps) {
  const said = String(props.entry.caption ?? props.name);
  return (
    <a href={urlOf(props)} target="_blank" rel="noreferrer">
      <img className={css.picture} src={urlOf(props)} alt={said} loading="lazy" />
    </a>
  );
}

// Films of arrays are animated PNGs, which an element of video does not play.
const PICTURES = /\.(png|apng|gif|webp)$/i;

function Film(props: PartProps) {
  return PICTURES.test(String(props.entry.path)) ? (
    <Picture {...props} />
  ) : (
    <video
      className={css.picture}
      src={urlOf(props)}
      aria-label={props.name}
      controls
      loop
      preload="metadata"
    />
  );
}

function Sound(props: PartProps) {
  return <audio src={urlOf(props)} aria-label={props.name} controls preload="metadata" />;
}

function Words({ entry }: PartProps) {
  return <pre className={css.text}>{String(entry.text ?? '')}</pre>;
}

function Page(props: PartProps) {
  const said = useStrings(words);
  const url = pageOf(props.run, String(props.entry.path ?? ''));
  return (
    <>
      <iframe
        className={css.frame}
        sandbox=""
        src={url}
        title={said.page(props.name)}
        referrerPolicy="no-referrer"
        loading="lazy"
      />
      <a className={css.away} href={url} target="_blank" rel="noreferrer">
        {said.open}
      </a>
    </>
  );
}

/** Points are turned here; of what else stands in space the file can be had. */
function Solid(props: PartProps) {
  return /\.ply$/i.test(String(props.entry.path)) ? <PointsOf {...props} /> : <Other {...props} />;
}

function Other(props: PartProps) {
  const said = useStrings(words);
  const { type, path, bytes: size } = props.entry;
  const about = said.file(String(type), bytes(typeof size === 'number' ? size : 0));
  if (typeof path !== 'string') return <pre className={css.text}>{JSON.stringify(props.entry, null, 1)}</pre>;
  return (
    <a className={css.file} href={urlOf(props)} download={path.split('/').at(-1)}>
      <Icon name="download" size={14} />
      {about}
      <span className="hidden">{said.download}</span>
    </a>
  );
}
