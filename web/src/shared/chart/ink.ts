/**
 * Ink: lines and bands of curves as pixels. A canvas without a GPU takes a hundred times as long for the same, most of
 * it for clips and overlapping paths. Here a band is a stretch of pixels in each column, and a line covers each pixel by
 * the share of it that it takes.
 *
 * Places are pixels from the upper left corner. NaN in `y` is a gap.
 */

export type Color = readonly [even: number, odd: number];
export type Places = Float32Array;

/** How a line is put down. */
export interface Pen {
  color: Color;
  opacity: number;
  width: number;
  /** Which columns are on, from `origin` on and again; none for a line without gaps. */
  dash: readonly boolean[];
  origin: number;
}

// In the gaps of a dash a line is faint, not absent: a spike may stand there.
const FAINT = 0.3;

export class Ink {
  width = 0;
  height = 0;
  // Pixels row by row, opacity above blue, green and red, each of them times the opacity until the picture is finished.
  private pixels = new Uint32Array();
  // Of the line being drawn, column by column: how much of each pixel it covers, and the rows that it reaches.
  private cover = new Uint8Array();
  private top = new Int32Array();
  private bottom = new Int32Array();

  /** Begin an empty picture. */
  begin(width: number, height: number): void {
    if (width !== this.width || height !== this.height) {
      [this.width, this.height] = [width, height];
      this.pixels = new Uint32Array(width * height);
      this.cover = new Uint8Array(width * height);
      this.top = new Int32Array(width).fill(height);
      this.bottom = new Int32Array(width).fill(-1);
    }
    this.pixels.fill(0);
  }

  /**
   * The band between two edges of `count` buckets, faint inside; what sticks out from the columns beside it is strong, so
   * that a spike of one bucket is seen. Each edge of each bucket has its pixel.
   */
  band(
    x: Places,
    high: Places,
    low: Places,
    count: number,
    color: Color,
    faint: number,
    strong: number,
  ): void {
    const [above, below] = this.columns(x, high, low, count);
    const last = this.width - 1;
    for (let column = 0; column <= last; column++) {
      const from = Math.max(0, Math.floor(above[column] ?? 0));
      const to = Math.min(this.height, Math.floor(below[column] ?? 0) + 1);
      if (from >= to) continue;
      const [left, right] = [Math.max(0, column - 1), Math.min(last, column + 1)];
      const inner = Math.min(to, Math.max(from + 1, above[left] ?? 0, above[right] ?? 0)) | 0;
      const outer = Math.max(inner, Math.min(to - 1, below[left] ?? 0, below[right] ?? 0)) | 0;
      this.stretch(column, from, inner, color, strong);
      this.stretch(column, inner, outer, color, faint);
      this.stretch(column, outer, to, color, strong);
    }
  }

  /** From where to where the band reaches in each column: its buckets there, and between them as straight lines go. */
  private columns(x: Places, high: Places, low: Places, count: number): [Places, Places] {
    const above = new Float32Array(this.width).fill(Infinity);
    const below = new Float32Array(this.width).fill(-Infinity);
    let [before, fromBefore, toBefore] = [NaN, 0, 0];
    for (let index = 0; index < count; index++) {
      const [here, from, to] = [x[index] ?? 0, high[index] ?? NaN, low[index] ?? NaN];
      const isKnown = from <= to;
      if (isKnown) {
        const own = Math.floor(here);
        for (
          let column = Math.max(0, Math.floor(before) + 1);
          column < own && column < this.width;
          column++
        ) {
          const rest = (here - column - 0.5) / (here - before);
          above[column] = Math.min(above[column] ?? 0, from + (fromBefore - from) * rest);
          below[column] = Math.max(below[column] ?? 0, to + (toBefore - to) * rest);
        }
        above[own] = Math.min(above[own] ?? 0, from);
        below[own] = Math.max(below[own] ?? 0, to);
      }
      [before, fromBefore, toBefore] = [isKnown ? here : NaN, from, to];
    }
    return [above, below];
  }

  /** A line through points; a point between gaps is a dot. */
  line(x: Places, y: Places, count: number, pen: Pen): void {
    const half = pen.width / 2;
    for (let index = 0; index < count; index++) {
      const [here, place] = [y[index] ?? NaN, x[index] ?? 0];
      if (Number.isNaN(here)) continue;
      const before = index > 0 ? (y[index - 1] ?? NaN) : NaN;
      const after = index + 1 < count ? (y[index + 1] ?? NaN) : NaN;
      if (!Number.isNaN(before)) this.segment(x[index - 1] ?? 0, before, place, here, half);
      else if (Number.isNaN(after)) this.disc(place, here, half + 0.5);
    }
    this.put(pen);
  }

  /** A disc about each point. */
  dots(x: Places, y: Places, count: number, pen: Pen): void {
    for (let index = 0; index < count; index++) this.disc(x[index] ?? 0, y[index] ?? NaN, pen.width / 2);
    this.put(pen);
  }

  /** Cover a straight line: of a flat one pixels above and below its middle in each column, of a steep one in each row. */
  private segment(x0: number, y0: number, x1: number, y1: number, half: number): void {
    const dx = x1 - x0;
    const dy = y1 - y0;
    if (x1 < 0 || x0 > this.width) return;
    if (Math.abs(dy) <= dx) {
      const slope = dx > 0 ? dy / dx : 0;
      const reach = half * Math.sqrt(1 + slope * slope);
      const end = Math.min(this.width - 1, Math.floor(x1));
      for (let column = Math.max(0, Math.floor(x0)); column <= end; column++) {
        const y = y0 + (Math.min(Math.max(column + 0.5, x0), x1) - x0) * slope;
        this.coverColumn(column, y - reach, y + reach);
      }
    } else {
      const slope = dx / dy;
      const reach = half * Math.sqrt(1 + slope * slope);
      const from = Math.min(y0, y1);
      const to = Math.max(y0, y1);
      const first = Math.max(0, Math.floor(from));
      const last = Math.min(this.height - 1, Math.floor(to));
      for (let row = first; row <= last; row++) {
        const x = x0 + (Math.min(Math.max(row + 0.5, from), to) - y0) * slope;
        this.coverRow(row, x - reach, x + reach);
      }
      this.reach(Math.floor(x0 - reach), Math.floor(x1 + reach), first, last);
    }
  }

  private disc(x: number, y: number, radius: number): void {
    const first = Math.max(0, Math.floor(y - radius));
    const last = Math.min(this.height - 1, Math.floor(y + radius));
    for (let row = first; row <= last; row++) {
      const away = row + 0.5 - y;
      const reach = Math.sqrt(Math.max(0, radius * radius - away * away));
      this.coverRow(row, x - reach, x + reach);
    }
    this.reach(Math.floor(x - radius), Math.floor(x + radius), first, last);
  }

  private coverColumn(column: number, from: number, to: number): void {
    const first = Math.max(0, Math.floor(from));
    const last = Math.min(this.height, Math.ceil(to)) - 1;
    for (let row = first; row <= last; row++) {
      this.touch(column * this.height + row, Math.min(row + 1, to) - Math.max(row, from));
    }
    this.reach(column, column, first, last);
  }

  private coverRow(row: number, from: number, to: number): void {
    const end = Math.min(this.width, Math.ceil(to));
    for (let column = Math.max(0, Math.floor(from)); column < end; column++) {
      this.touch(column * this.height + row, Math.min(column + 1, to) - Math.max(column, from));
    }
  }

  private touch(place: number, share: number): void {
    const covered = (255 * share) | 0;
    if (covered > (this.cover[place] ?? 0)) this.cover[place] = covered;
  }

  /** Note that some columns are covered in these rows. */
  private reach(from: number, to: number, first: number, last: number): void {
    const end = Math.min(to, this.width - 1);
    for (let column = Math.max(0, from); column <= end; column++) {
      if (first < (this.top[column] ?? 0)) this.top[column] = first;
      if (last > (this.bottom[column] ?? 0)) this.bottom[column] = last;
    }
  }

  /** Put what is covered into the picture. */
  private put({ color, opacity, dash, origin }: Pen): void {
    const period = dash.length;
    for (let column = 0; column < this.width; column++) {
      const [first, last] = [this.top[column] ?? 0, this.bottom[column] ?? 0];
      if (first > last) continue;
      const isOn = period === 0 || dash[(((column - origin) % period) + period) % period];
      const strength = (isOn ? opacity : opacity * FAINT) * (256 / 255);
      for (let row = first; row <= last; row++) {
        const place = column * this.height + row;
        const covered = this.cover[place] ?? 0;
        if (covered) this.over(row * this.width + column, color[0], color[1], (covered * strength) | 0);
        this.cover[place] = 0;
      }
      this.top[column] = this.height;
      this.bottom[column] = -1;
    }
  }

  private stretch(column: number, from: number, to: number, color: Color, opacity: number): void {
    const { pixels, width } = this;
    const own = Math.round(256 * opacity);
    const rest = 256 - own;
    const even = Math.imul(color[0], own);
    const odd = Math.imul(color[1], own);
    const end = to * width + column;
    for (let place = from * width + column; place < end; place += width) {
      const under = pixels[place] ?? 0;
      const first = (Math.imul(under & 0xff00ff, rest) + even) >>> 8;
      const second = Math.imul((under >>> 8) & 0xff00ff, rest) + odd;
      pixels[place] = (first & 0xff00ff) | (second & 0xff00ff00);
    }
  }

  /** A colour over a pixel, by 256ths; two of its four bytes at a time. */
  private over(place: number, even: number, odd: number, own: number): void {
    const rest = 256 - own;
    const under = this.pixels[place] ?? 0;
    const first = (Math.imul(under & 0xff00ff, rest) + Math.imul(even, own)) >>> 8;
    const second = Math.imul((under >>> 8) & 0xff00ff, rest) + Math.imul(odd, own);
    this.pixels[place] = (first & 0xff00ff) | (second & 0xff00ff00);
  }

  /** The picture: red, green, blue and opacity of each pixel. */
  finish(): Uint8ClampedArray<ArrayBuffer> {
    const pixels = this.pixels;
    for (let place = 0; place < pixels.length; place++) {
      const pixel = pixels[place] ?? 0;
      const opacity = pixel >>> 24;
      if (opacity === 0 || opacity === 255) continue;
      const scale = 255 / opacity;
      const red = Math.min(255, (pixel & 255) * scale) | 0;
      const green = Math.min(255, ((pixel >>> 8) & 255) * scale) | 0;
      const blue = Math.min(255, ((pixel >>> 16) & 255) * scale) | 0;
      pixels[place] = (opacity << 24) | (blue << 16) | (green << 8) | red;
    }
    return new Uint8ClampedArray(pixels.buffer);
  }
}

/** A colour (`#rrggbb`) as its even and its odd bytes: red and blue, green and full opacity. */
export function colorOfText(text: string): Color {
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(text.slice(at, at + 2), 16)) as [
    number,
    number,
    number,
  ];
  return [red | (blue << 16), green | (255 << 16)];
}
