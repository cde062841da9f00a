/** What follows a hand is done once a frame, or at a pace that can be read, however often the hand moves. */

/** A function that has `work` done in the next frame, once. */
export function onceAFrame(work: () => void): () => void {
  let isAsked = false;
  return () => {
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(() => {
      isAsked = false;
      work();
    });
  };
}

/** A function that has `work` done at once, but not twice within `pace_ms`: then once more behind it. */
export function paced(work: () => void, pace_ms: number): () => void {
  let [last, isAsked] = [-Infinity, false];
  const now = () => {
    isAsked = false;
    last = performance.now();
    work();
  };
  return () => {
    if (isAsked) return;
    isAsked = true;
    const rest = last + pace_ms - performance.now();
    if (rest > 0) setTimeout(now, rest);
    else requestAnimationFrame(now);
  };
}
