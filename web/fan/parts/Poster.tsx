// A picture for an event: rows of seats around a stage, in a colour of the event's own.

const ROWS = 7;
const COLOURS = 6;

export function colourOf(id: string): number {
  let sum = 0;
  for (const char of id) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  return sum % COLOURS;
}

const round = (value: number): number => Math.round(value * 10) / 10;

/** Seats on half circles, the nearest rows strongest. */
function seats(): { x: number; y: number; row: number }[] {
  const rows = Array.from({ length: ROWS }, (_, row) => row);
  return rows.flatMap((row) => {
    const radius = 34 + row * 15;
    const count = 9 + row * 4;
    return Array.from({ length: count }, (_, at) => {
      const angle = Math.PI * (0.06 + (0.88 * at) / (count - 1));
      return { x: round(160 - radius * 1.5 * Math.cos(angle)), y: round(8 + radius * 0.92 * Math.sin(angle)), row };
    });
  });
}

const SEATS = seats();

export function Poster({ id }: { id: string }) {
  return (
    <svg
      class={`poster hue-${colourOf(id)}`}
      viewBox="0 0 320 132"
      preserveAspectRatio="xMidYMin slice"
      aria-hidden="true"
    >
      <rect class="stage" x="128" y="0" width="64" height="14" rx="3" />
      {SEATS.map((seat) => (
        <circle
          key={`${seat.x} ${seat.y}`}
          cx={seat.x}
          cy={seat.y}
          r="3.6"
          opacity={round(1 - seat.row / (ROWS + 1))}
        />
      ))}
    </svg>
  );
}
