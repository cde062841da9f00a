/** Which lines of a long list are seen, as it is scrolled; the end is followed while one stands there. */
import { type RefObject, useCallback, useEffect, useLayoutEffect, useState } from 'react';

export const LINE_PX = 18;

export interface Seen {
  /** The first line that is seen, how many there is room for, and whether the last one is among them. */
  first: number;
  room: number;
  isEnd: boolean;
  /** How many lines there were when one left the end. */
  left: number;
}

/**
 * What is seen of `count` lines in a box, and what to call when it was scrolled. `at` is a line to stand at: where it
 * changes it is brought into sight; without one the end is, or the beginning.
 */
export function useSeen(
  box: RefObject<HTMLDivElement | null>,
  count: number,
  at: number | undefined,
  startsAtEnd: boolean,
): [Seen, () => void] {
  const [seen, setSeen] = useState<Seen>({
    first: 0,
    room: 40,
    isEnd: startsAtEnd && at === undefined,
    left: count,
  });
  const look = useCallback(() => {
    const element = box.current;
    if (!element) return;
    const { scrollTop, clientHeight, scrollHeight } = element;
    const first = Math.floor(scrollTop / LINE_PX);
    const room = Math.ceil(clientHeight / LINE_PX) + 1;
    const isEnd = scrollTop + clientHeight >= scrollHeight - LINE_PX;
    setSeen((before) =>
      before.first === first && before.room === room && before.isEnd === isEnd
        ? before
        : { first, room, isEnd, left: isEnd || before.isEnd ? count : before.left },
    );
  }, [box, count]);
  const isFollowed = seen.isEnd;
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    if (isFollowed) element.scrollTop = element.scrollHeight;
    look();
  }, [box, count, isFollowed, look]);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element || at === undefined) return;
    const [top, room] = [at * LINE_PX, element.clientHeight];
    const isSeen = top >= element.scrollTop && top + LINE_PX <= element.scrollTop + room;
    if (!isSeen) element.scrollTop = Math.max(0, top - room / 3);
    look();
    // A line is brought into sight once: growing and scrolling do not bring it back.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [at]);
  useEffect(() => {
    if (!box.current) return;
    const watch = new ResizeObserver(look);
    watch.observe(box.current);
    return () => watch.disconnect();
  }, [box, look]);
  return [seen, look];
}
