// Where each seat is drawn. The server knows section, row and number but no places: sections become blocks in front of a
// stage, in the organiser's order, with rows and seats in order inside. One seat is one unit wide and one deep.
import type { SeatTable } from './seats';

/** A longer row goes on in the next line. */
const LINE_MAX = 120;
/** A block that would be deeper than this many times its width is laid in columns side by side. */
const DEEPEST = 2.5;
const AISLE = 2;
const GAP = 4;
/** Above each block, for its name. */
const HEAD = 3;
const STAGE = { depth: 5, gap: 4, share: 0.4 };

export type Block = { section: number; x: number; y: number; width: number; depth: number; seats: number[] };

export type Hall = {
  width: number;
  depth: number;
  stage: { x: number; y: number; width: number; depth: number };
  blocks: Block[];
  /** The place of each seat. */
  x: Int32Array;
  y: Int32Array;
  /** The seat at each place, plus one; 0 where there is none. */
  cells: Int32Array;
};

type Inner = Block & { places: { seat: number; x: number; y: number }[] };

/** `aspect` is the width to depth of where it will be shown. */
export function layOut(table: SeatTable, aspect: number): Hall {
  const blocks = sections(table).map((seats, section) => block(table, section, seats));
  const shelves = bestShelves(blocks, aspect);
  const width = Math.max(20, ...shelves.map(shelfWidth)) + GAP * 2;
  const stageWidth = Math.max(10, Math.round(width * STAGE.share));
  const stage = { x: Math.round((width - stageWidth) / 2), y: GAP, width: stageWidth, depth: STAGE.depth };
  let y = GAP + STAGE.depth + STAGE.gap;
  for (const shelf of shelves) {
    let x = Math.round((width - shelfWidth(shelf)) / 2);
    for (const inner of shelf) {
      inner.x = x;
      inner.y = y + HEAD;
      x += inner.width + GAP;
    }
    y += HEAD + GAP + Math.max(...shelf.map((inner) => inner.depth));
  }
  return placed(table, blocks, { width, depth: y, stage });
}

function placed(table: SeatTable, blocks: Inner[], size: Pick<Hall, 'width' | 'depth' | 'stage'>): Hall {
  const hall: Hall = {
    ...size,
    blocks,
    x: new Int32Array(table.ids.length),
    y: new Int32Array(table.ids.length),
    cells: new Int32Array(size.width * size.depth),
  };
  for (const inner of blocks)
    for (const { seat, x, y } of inner.places) {
      hall.x[seat] = inner.x + x;
      hall.y[seat] = inner.y + y;
      hall.cells[(inner.y + y) * size.width + inner.x + x] = seat + 1;
    }
  return hall;
}

/** The seats of each section. */
function sections(table: SeatTable): number[][] {
  const lists: number[][] = table.sections.map(() => []);
  for (let seat = 0; seat < table.ids.length; seat++) lists[table.section[seat] ?? 0]?.push(seat);
  return lists;
}

/** Rows behind each other, each centred; a very deep section in columns. */
function block(table: SeatTable, section: number, seats: number[]): Inner {
  const lines = rowsOf(table, seats);
  const wide = Math.max(1, ...lines.map((line) => line.length));
  const columns = columnsFor(wide, lines.length);
  const depth = Math.ceil(lines.length / columns);
  const places: Inner['places'] = [];
  for (const [at, line] of lines.entries()) {
    const left = Math.floor(at / depth) * (wide + AISLE) + Math.floor((wide - line.length) / 2);
    for (const [i, seat] of line.entries()) places.push({ seat, x: left + i, y: at % depth });
  }
  const used = Math.ceil(lines.length / depth);
  return { section, x: 0, y: 0, width: used * (wide + AISLE) - AISLE, depth, seats, places };
}

function columnsFor(wide: number, lines: number): number {
  let columns = 1;
  while (Math.ceil(lines / columns) > DEEPEST * columns * (wide + AISLE)) columns++;
  return columns;
}

function rowsOf(table: SeatTable, seats: number[]): number[][] {
  const rows = new Map<number, number[]>();
  for (const seat of seats) {
    const row = table.row[seat] ?? 0;
    const known = rows.get(row);
    if (known) known.push(seat);
    else rows.set(row, [seat]);
  }
  const inOrder = [...rows.entries()].sort(([a], [b]) => a - b).map(([, row]) => row);
  return inOrder.flatMap((row) => {
    row.sort((a, b) => (table.num[a] ?? 0) - (table.num[b] ?? 0));
    return Array.from({ length: Math.ceil(row.length / LINE_MAX) }, (_, part) =>
      row.slice(part * LINE_MAX, (part + 1) * LINE_MAX),
    );
  });
}

const shelfWidth = (shelf: Block[]): number => shelf.reduce((sum, { width }) => sum + width + GAP, -GAP);

/** Blocks in order, on as many shelves as come nearest to the wanted shape. */
function bestShelves<B extends Block>(blocks: B[], aspect: number): B[][] {
  let best: B[][] = [];
  let bestError = Infinity;
  for (let count = 1; count <= blocks.length; count++) {
    const shelves = shelved(blocks, count);
    const width = Math.max(...shelves.map(shelfWidth));
    const depth = shelves.reduce((sum, shelf) => sum + HEAD + GAP + Math.max(...shelf.map((block) => block.depth)), 0);
    const error = Math.abs(Math.log(width / (depth + STAGE.depth + STAGE.gap + GAP) / aspect));
    if (error >= bestError) continue;
    best = shelves;
    bestError = error;
  }
  return best;
}

function shelved<B extends Block>(blocks: B[], count: number): B[][] {
  const wanted = Math.max(shelfWidth(blocks) / count, ...blocks.map((block) => block.width));
  const shelves: B[][] = [];
  let shelf: B[] = [];
  for (const block of blocks) {
    if (shelf.length > 0 && shelfWidth([...shelf, block]) > wanted * 1.02) {
      shelves.push(shelf);
      shelf = [];
    }
    shelf.push(block);
  }
  if (shelf.length > 0) shelves.push(shelf);
  return shelves;
}

/** The seat at this place, or undefined. */
export function seatNear(hall: Hall, x: number, y: number): number | undefined {
  const column = Math.floor(x);
  const line = Math.floor(y);
  if (column < 0 || line < 0 || column >= hall.width || line >= hall.depth) return undefined;
  const cell = hall.cells[line * hall.width + column] ?? 0;
  return cell === 0 ? undefined : cell - 1;
}

export function blockNear(hall: Hall, x: number, y: number): Block | undefined {
  const inside = (block: Block) =>
    x >= block.x - 1 && x <= block.x + block.width + 1 && y >= block.y - HEAD && y <= block.y + block.depth + 1;
  return hall.blocks.find(inside);
}

/** The next seat in a direction from this one, across aisles; the same seat where there is none. */
export function neighbour(hall: Hall, seat: number, dx: number, dy: number): number {
  let x = hall.x[seat] ?? 0;
  let y = hall.y[seat] ?? 0;
  for (;;) {
    x += dx;
    y += dy;
    if (x < 0 || y < 0 || x >= hall.width || y >= hall.depth) return seat;
    // Upwards and downwards the nearest seat of that line, however far aside.
    const reach = dy === 0 ? 0 : hall.width;
    for (let aside = 0; aside <= reach; aside++) {
      const found = seatNear(hall, x - aside, y) ?? seatNear(hall, x + aside, y);
      if (found !== undefined) return found;
    }
  }
}
