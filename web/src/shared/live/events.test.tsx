/** Streams: a server that refuses is asked again, ever more rarely, and the page says that it is not there. */
import { act, renderHook } from '@testing-library/react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { useEvents, useServerUp } from './events';

class Stream extends EventTarget {
  static readonly CLOSED = 2;
  static readonly all: Stream[] = [];
  readyState = 0;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  constructor(readonly url: string) {
    super();
    Stream.all.push(this);
  }
  answer(): void {
    this.readyState = 1;
    this.onopen?.();
  }
  /** `isFinal` is a refusal, after which a browser does not try again. */
  fail(isFinal: boolean): void {
    this.readyState = isFinal ? Stream.CLOSED : 0;
    this.onerror?.();
  }
  close(): void {
    this.readyState = Stream.CLOSED;
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('EventSource', Stream);
  Stream.all.length = 0;
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('a refused stream is opened again with what was missed, later each time; a broken one is left to the browser', () => {
  const onResume = vi.fn();
  const { result, unmount } = renderHook(() => {
    useEvents('/api/v1/live', { runs: () => undefined }, onResume);
    return useServerUp();
  });
  const last = () => Stream.all.at(-1) as Stream;
  act(() => last().answer());
  act(() => last().fail(false));
  act(() => void vi.advanceTimersByTime(60_000));
  expect([Stream.all.length, result.current]).toEqual([1, false]);
  for (const wait of [1_000, 2_000, 4_000]) {
    const before = Stream.all.length;
    act(() => last().fail(true));
    act(() => void vi.advanceTimersByTime(wait - 1));
    expect(Stream.all.length).toBe(before);
    act(() => void vi.advanceTimersByTime(1));
    expect(Stream.all.length).toBe(before + 1);
  }
  act(() => last().answer());
  expect([onResume.mock.calls.length, result.current]).toEqual([3, true]);
  act(() => last().fail(true));
  unmount();
  act(() => void vi.advanceTimersByTime(60_000));
  expect(Stream.all.length).toBe(4);
});
