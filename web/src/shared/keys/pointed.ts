/** Which of many small things beside each other a hand or the arrows point at; each has its place in `data-place`. */
import { type KeyboardEvent, type PointerEvent, useState } from 'react';

export function usePointed(count: number) {
  const [at, setAt] = useState<number | null>(null);
  const point = (event: PointerEvent) => {
    const place = (event.target as HTMLElement).dataset.place;
    if (place !== undefined) setAt(Number(place));
  };
  const key = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    setAt(at === null ? 0 : Math.min(count - 1, Math.max(0, at + by)));
  };
  return {
    at,
    leave: () => setAt(null),
    hands: { onPointerOver: point, onPointerDown: point, onKeyDown: key },
  };
}
