/** Whether something has come near what is seen: what is far costs nothing until then. */
import { type RefObject, useEffect, useState } from 'react';

/** True from the first time that a place is within a screen's reach, and from then on. */
export function useNear(place: RefObject<HTMLElement | null>): boolean {
  const [isNear, setNear] = useState(false);
  useEffect(() => {
    const element = place.current;
    if (!element || isNear) return;
    const watch = new IntersectionObserver(([entry]) => entry?.isIntersecting && setNear(true), {
      rootMargin: '400px',
    });
    watch.observe(element);
    return () => watch.disconnect();
  }, [place, isNear]);
  return isNear;
}
