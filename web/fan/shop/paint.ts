// Draws the hall. From afar it is one bitmap with a point for each seat, made once and again after changes; only when a
// seat is large enough to be chosen are single seats drawn, and only those in sight.
import type { Block, Hall } from './hall';
import { FREE, type SeatTable } from './seats';
import { SEATS_FROM, type Size, type View } from './view';

export type Colours = Record<'free' | 'taken' | 'chosen' | 'ink' | 'soft' | 'ground' | 'line', string>;

export function coloursOf(element: Element): Colours {
  const style = getComputedStyle(element);
  const token = (name: string) => style.getPropertyValue(name).trim();
  return {
    free: token('--free'),
    taken: token('--taken'),
    chosen: token('--pass'),
    ink: token('--ink'),
    soft: token('--ink-2'),
    ground: token('--card'),
    line: token('--line'),
  };
}

/** #rrggbb as the bytes of a pixel. */
function pixel(colour: string): number {
  const value = Number.parseInt(colour.slice(1, 7), 16) || 0;
  return (0xff << 24) | ((value & 0xff) << 16) | (value & 0xff00) | (value >> 16);
}

/** One point a seat. */
export function paintBitmap(bitmap: HTMLCanvasElement, hall: Hall, table: SeatTable, colours: Colours): void {
  if (bitmap.width !== hall.width || bitmap.height !== hall.depth) {
    bitmap.width = hall.width;
    bitmap.height = hall.depth;
  }
  const context = bitmap.getContext('2d');
  if (!context) return;
  const image = context.createImageData(hall.width, hall.depth);
  const pixels = new Int32Array(image.data.buffer);
  const free = pixel(colours.free);
  const taken = pixel(colours.taken);
  for (let seat = 0; seat < table.ids.length; seat++) {
    pixels[(hall.y[seat] ?? 0) * hall.width + (hall.x[seat] ?? 0)] = table.status[seat] === FREE ? free : taken;
  }
  context.putImageData(image, 0, 0);
}

export type Scene = {
  hall: Hall;
  table: SeatTable;
  bitmap: HTMLCanvasElement;
  colours: Colours;
  view: View;
  size: Size;
  chosen: number[];
  cursor: number | undefined;
  stage: string;
};

export function paint(context: CanvasRenderingContext2D, scene: Scene, ratio: number): void {
  const { view, size } = scene;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, size.width, size.height);
  context.translate(-view.x * view.scale, -view.y * view.scale);
  paintStage(context, scene);
  for (const block of scene.hall.blocks) if (inSight(block, view, size)) paintGround(context, block, scene);
  if (view.scale < SEATS_FROM) {
    // From very far several seats share a point of the screen: blended, they show how many are left.
    context.imageSmoothingEnabled = view.scale < 2;
    context.drawImage(scene.bitmap, 0, 0, scene.hall.width * view.scale, scene.hall.depth * view.scale);
  } else paintSeats(context, scene);
  for (const seat of scene.chosen) paintSeat(context, scene, seat, scene.colours.chosen);
  if (scene.cursor !== undefined) paintCursor(context, scene, scene.cursor);
}

function inSight(part: { x: number; y: number; width: number; depth: number }, view: View, size: Size): boolean {
  const right = view.x + size.width / view.scale;
  const bottom = view.y + size.height / view.scale;
  return (
    part.x - 2 < right && part.x + part.width + 2 > view.x && part.y - 5 < bottom && part.y + part.depth + 2 > view.y
  );
}

function paintStage(context: CanvasRenderingContext2D, { hall, view, colours, stage }: Scene): void {
  const { x, y, width, depth } = hall.stage;
  const s = view.scale;
  context.fillStyle = colours.ink;
  context.beginPath();
  context.roundRect(x * s, y * s, width * s, depth * s, Math.min(8, s * 2));
  context.fill();
  context.fillStyle = colours.ground;
  write(context, stage, (x + width / 2) * s, (y + depth / 2) * s, Math.min(16, depth * s * 0.6), width * s);
}

function paintGround(context: CanvasRenderingContext2D, block: Block, { view, colours, table }: Scene): void {
  const s = view.scale;
  context.fillStyle = colours.ground;
  context.strokeStyle = colours.line;
  context.lineWidth = 1;
  context.beginPath();
  context.roundRect(
    (block.x - 1) * s,
    (block.y - 1) * s,
    (block.width + 2) * s,
    (block.depth + 2) * s,
    Math.min(10, s * 2),
  );
  context.fill();
  context.stroke();
  context.fillStyle = colours.ink;
  const name = table.sections[block.section] ?? '';
  write(
    context,
    name,
    (block.x + block.width / 2) * s,
    (block.y - 2.2) * s,
    Math.min(15, Math.max(9, s * 2)),
    (block.width + 4) * s,
  );
}

/** Text in the middle of a point; left out where it would not fit. */
function write(context: CanvasRenderingContext2D, text: string, x: number, y: number, px: number, room: number): void {
  if (px < 7) return;
  context.font = `600 ${px}px system-ui, sans-serif`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  if (context.measureText(text).width <= room) context.fillText(text, x, y);
}

function paintSeats(context: CanvasRenderingContext2D, scene: Scene): void {
  const { hall, table, view, size, colours } = scene;
  const left = Math.max(0, Math.floor(view.x));
  const top = Math.max(0, Math.floor(view.y));
  const right = Math.min(hall.width, Math.ceil(view.x + size.width / view.scale));
  const bottom = Math.min(hall.depth, Math.ceil(view.y + size.height / view.scale));
  const free = new Path2D();
  const taken = new Path2D();
  for (let y = top; y < bottom; y++)
    for (let x = left; x < right; x++) {
      const cell = hall.cells[y * hall.width + x] ?? 0;
      if (cell > 0) shape(table.status[cell - 1] === FREE ? free : taken, x, y, view.scale);
    }
  context.fillStyle = colours.taken;
  context.fill(taken);
  context.fillStyle = colours.free;
  context.fill(free);
  if (view.scale >= 22) paintNumbers(context, scene, { left, top, right, bottom });
}

function shape(path: Path2D, x: number, y: number, scale: number): void {
  const edge = scale * 0.1;
  const side = scale - 2 * edge;
  if (scale < 14) path.rect(x * scale + edge, y * scale + edge, side, side);
  else path.roundRect(x * scale + edge, y * scale + edge, side, side, side * 0.3);
}

type Part = { left: number; top: number; right: number; bottom: number };

function paintNumbers(context: CanvasRenderingContext2D, { hall, table, view, colours }: Scene, part: Part): void {
  const s = view.scale;
  context.fillStyle = colours.ground;
  for (let y = part.top; y < part.bottom; y++)
    for (let x = part.left; x < part.right; x++) {
      const seat = (hall.cells[y * hall.width + x] ?? 0) - 1;
      if (seat >= 0 && table.status[seat] === FREE)
        write(context, String(table.num[seat] ?? ''), (x + 0.5) * s, (y + 0.52) * s, s * 0.4, s);
    }
}

function paintSeat(
  context: CanvasRenderingContext2D,
  { hall, view, colours }: Scene,
  seat: number,
  colour: string,
): void {
  const s = view.scale;
  // From afar a chosen seat would be a point: it is drawn large enough to be found.
  const side = Math.max(s * 0.9, 9);
  const x = ((hall.x[seat] ?? 0) + 0.5) * s;
  const y = ((hall.y[seat] ?? 0) + 0.5) * s;
  context.fillStyle = colour;
  context.strokeStyle = colours.ground;
  context.lineWidth = 1.5;
  context.beginPath();
  context.roundRect(x - side / 2, y - side / 2, side, side, side * 0.3);
  context.fill();
  context.stroke();
  if (s < SEATS_FROM) return;
  // A mark too, for those who do not tell the colours apart.
  context.strokeStyle = colours.ground;
  context.lineWidth = Math.max(1.5, s * 0.1);
  context.beginPath();
  context.moveTo(x - side * 0.22, y + side * 0.02);
  context.lineTo(x - side * 0.05, y + side * 0.2);
  context.lineTo(x + side * 0.24, y - side * 0.18);
  context.stroke();
}

function paintCursor(context: CanvasRenderingContext2D, { hall, view, colours }: Scene, seat: number): void {
  const s = view.scale;
  const side = Math.max(s, 10);
  context.strokeStyle = colours.ink;
  context.lineWidth = 2.5;
  context.beginPath();
  context.roundRect(
    ((hall.x[seat] ?? 0) + 0.5) * s - side / 2,
    ((hall.y[seat] ?? 0) + 0.5) * s - side / 2,
    side,
    side,
    side * 0.3,
  );
  context.stroke();
}
