// The map's engine: keeps hall, view and bitmap, and draws at most once a frame. It knows no words but the stage's.
import { blockNear, type Hall, layOut, neighbour, seatNear } from './hall';
import { type Colours, coloursOf, paint, paintBitmap } from './paint';
import type { SeatTable } from './seats';
import { bounded, closeUp, overview, SEATS_FROM, type Size, showing, type View, zoomed } from './view';

/** Kept for whoever looks at `performance.getEntriesByName('seat-map-pan')`. */
const PANS_MAX = 200;

export class SeatMapEngine {
  private readonly hall: Hall;
  private readonly bitmap = document.createElement('canvas');
  private colours: Colours;
  private size: Size;
  private at: View;
  private frame = 0;
  private painted = false;
  private pans = 0;
  private panning = false;
  private dirty = true;
  chosen: number[] = [];
  cursor: number | undefined;
  stage = '';

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly table: SeatTable,
  ) {
    this.size = { width: canvas.clientWidth, height: canvas.clientHeight };
    this.colours = coloursOf(canvas);
    this.hall = layOut(table, Math.max(0.6, this.size.width / this.size.height));
    this.at = overview(this.hall, this.size);
  }

  view = (): View => this.at;

  move = (view: View): void => {
    this.at = bounded(view, this.hall, this.size);
    this.panning = true;
    this.draw();
  };

  /** The canvas has another size. */
  resize(): void {
    this.size = { width: this.canvas.clientWidth, height: this.canvas.clientHeight };
    this.at = bounded(this.at, this.hall, this.size);
    this.draw();
  }

  /** Light became dark, or the other way round. */
  recolour(): void {
    this.colours = coloursOf(this.canvas);
    this.changed();
  }

  /** Seats have come or gone. */
  changed(): void {
    this.dirty = true;
    this.draw();
  }

  zoom(factor: number): void {
    this.move(zoomed(this.at, factor, this.size.width / 2, this.size.height / 2));
  }

  whole(): void {
    this.move(overview(this.hall, this.size));
  }

  showsSeats = (): boolean => this.at.scale >= SEATS_FROM;

  seatAt(x: number, y: number): number | undefined {
    return seatNear(this.hall, this.at.x + x / this.at.scale, this.at.y + y / this.at.scale);
  }

  sectionAt(x: number, y: number): number | undefined {
    return blockNear(this.hall, this.at.x + x / this.at.scale, this.at.y + y / this.at.scale)?.section;
  }

  /** Near enough to choose, where somebody has tapped. */
  approach(x: number, y: number): void {
    const point = { x: this.at.x + x / this.at.scale, y: this.at.y + y / this.at.scale };
    const block = blockNear(this.hall, point.x, point.y);
    if (!block) return;
    const close = closeUp(block, this.size);
    const wide = block.width * close.scale > this.size.width;
    const deep = block.depth * close.scale > this.size.height;
    this.move({
      scale: close.scale,
      x: wide ? point.x - this.size.width / close.scale / 2 : close.x,
      y: deep ? point.y - this.size.height / close.scale / 2 : close.y,
    });
  }

  /** Moves the cursor of the keyboard, and answers where it is. */
  step(dx: number, dy: number): number | undefined {
    const start = this.cursor ?? this.nearest();
    if (start === undefined) return undefined;
    this.cursor = this.cursor === undefined ? start : neighbour(this.hall, start, dx, dy);
    if (!this.showsSeats()) {
      const scale = SEATS_FROM * 2;
      this.at = { scale, x: 0, y: 0 };
    }
    this.move(showing(this.at, this.hall.x[this.cursor] ?? 0, this.hall.y[this.cursor] ?? 0, this.size));
    return this.cursor;
  }

  /** The first seat of what is in sight. */
  private nearest(): number | undefined {
    const inSight = (seat: number) => (this.hall.x[seat] ?? 0) >= this.at.x && (this.hall.y[seat] ?? 0) >= this.at.y;
    for (const block of this.hall.blocks) {
      const found = block.seats.find(inSight);
      if (found !== undefined) return found;
    }
    return this.hall.blocks[0]?.seats[0];
  }

  draw(): void {
    if (this.frame === 0) this.frame = requestAnimationFrame(() => this.drawNow());
  }

  stop(): void {
    cancelAnimationFrame(this.frame);
  }

  private drawNow(): void {
    this.frame = 0;
    const ratio = window.devicePixelRatio || 1;
    const started = performance.now();
    const [width, height] = [Math.round(this.size.width * ratio), Math.round(this.size.height * ratio)];
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    const context = this.canvas.getContext('2d');
    if (!context) return;
    if (this.dirty) paintBitmap(this.bitmap, this.hall, this.table, this.colours);
    this.dirty = false;
    const { hall, table, bitmap, colours, at: view, size, chosen, cursor, stage } = this;
    paint(context, { hall, table, bitmap, colours, view, size, chosen, cursor, stage }, ratio);
    this.measure(started);
  }

  /** From the question for the seats to the first picture, and how long each picture of a pan took. */
  private measure(started: number): void {
    if (!this.painted) {
      this.painted = true;
      const asked = performance.getEntriesByName('seat-map-asked').at(-1)?.startTime ?? started;
      performance.measure('seat-map-first-paint', { start: asked, end: performance.now() });
    } else if (this.panning && this.pans < PANS_MAX) {
      this.pans++;
      performance.measure('seat-map-pan', { start: started, end: performance.now() });
    }
    this.panning = false;
  }
}
