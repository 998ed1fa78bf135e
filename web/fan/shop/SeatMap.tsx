// The seat map: the picture, its buttons and keys, and in words what is under pointer or cursor.
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { SaleFacts } from '../../shared/api';
import { money, say, t } from '../language';
import { listen } from './gestures';
import { seatName } from './live';
import { SeatMapEngine } from './map';
import { FREE, type SeatTable, seatAt, sectionFacts } from './seats';
import type { Shop } from './shop';

const ZOOM = 1.6;
const STEPS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

type Props = { shop: Shop; sale: SaleFacts; table: SeatTable; onSeat: (seat: number) => void };

export function SeatMap({ shop, sale, table, onSeat }: Props) {
  const { shop: texts } = t.value;
  const canvas = useRef<HTMLCanvasElement>(null);
  const engine = useRef<SeatMapEngine | undefined>(undefined);
  const pointed = useSignal<Pointed>(undefined);

  useEffect(() => {
    if (!canvas.current) return;
    const map = new SeatMapEngine(canvas.current, table);
    engine.current = map;
    const under = (x: number, y: number): Pointed => {
      const seat = map.seatAt(x, y);
      if (map.showsSeats() && seat !== undefined) return { seat };
      const section = map.sectionAt(x, y);
      return section === undefined ? undefined : { section };
    };
    const stop = listen(canvas.current, {
      view: map.view,
      move: map.move,
      hover: (at) => (pointed.value = at && under(at.x, at.y)),
      tap: (x, y) => {
        const at = under(x, y);
        pointed.value = at;
        if (!map.showsSeats()) map.approach(x, y);
        else if (at && 'seat' in at) onSeat(at.seat);
      },
    });
    const unwatch = watch(canvas.current, map);
    return () => {
      stop();
      unwatch();
      map.stop();
    };
  }, [table]);

  const map = engine.current;
  const [chosen, changes] = [shop.chosen.value, shop.changes.value];
  useEffect(() => engine.current?.changed(), [changes]);
  useEffect(() => {
    if (!engine.current) return;
    engine.current.chosen = chosen;
    engine.current.stage = texts.stage;
    engine.current.draw();
  }, [chosen, texts, table]);

  const key = (event: KeyboardEvent) => {
    const step = STEPS[event.key];
    const cursor = engine.current?.cursor;
    if (step) {
      const seat = engine.current?.step(...step);
      pointed.value = seat === undefined ? undefined : { seat };
    } else if (event.key === '+' || event.key === '=') engine.current?.zoom(ZOOM);
    else if (event.key === '-') engine.current?.zoom(1 / ZOOM);
    else if (event.key === '0') engine.current?.whole();
    else if ((event.key === 'Enter' || event.key === ' ') && cursor !== undefined) onSeat(cursor);
    else return;
    event.preventDefault();
  };
  return (
    <div class="stack tight">
      <div
        class="map"
        role="application"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: an application takes keys.
        tabIndex={0}
        aria-label={texts.mapLabel}
        aria-describedby="map-help"
        onKeyDown={key}
      >
        <canvas ref={canvas} />
        <div class="map-tools">
          <button type="button" class="btn" aria-label={texts.zoomIn} onClick={() => map?.zoom(ZOOM)}>
            +
          </button>
          <button type="button" class="btn" aria-label={texts.zoomOut} onClick={() => map?.zoom(1 / ZOOM)}>
            −
          </button>
          <button type="button" class="btn" aria-label={texts.whole} onClick={() => map?.whole()}>
            ⤢
          </button>
        </div>
      </div>
      <p class="pointed num" role="status">
        {words(pointed.value, shop, sale, table)}
      </p>
      <Legend />
      <p class="small soft" id="map-help">
        {texts.mapNote} <span class="for-keys">{texts.mapHelp}</span>
      </p>
    </div>
  );
}

type Pointed = { seat: number } | { section: number } | undefined;

function words(at: Pointed, shop: Shop, sale: SaleFacts, table: SeatTable): string {
  const { shop: texts } = t.value;
  if (!at) return texts.tapSection;
  if ('section' in at) {
    const facts = sectionFacts(table)[at.section];
    return facts
      ? `${say(texts.sectionFree, { section: facts.name, count: facts.free })} · ${money(facts.min, sale.price.currency)}`
      : '';
  }
  const seat = seatAt(table, at.seat);
  const values = { seat: seatName(seat), price: money(seat.price, sale.price.currency) };
  if (shop.chosen.value.includes(at.seat)) return say(texts.seatYours, values);
  return say(seat.status === FREE ? texts.seatFree : texts.seatTaken, values);
}

function Legend() {
  const { shop: texts } = t.value;
  return (
    <ul class="legend small">
      <li class="is-free">{texts.free}</li>
      <li class="is-taken">{texts.taken}</li>
      <li class="is-yours">{texts.yours}</li>
    </ul>
  );
}

/** Follows the size of the canvas and the colours of the system. */
function watch(canvas: HTMLCanvasElement, map: SeatMapEngine): () => void {
  const sizes = new ResizeObserver(() => map.resize());
  sizes.observe(canvas);
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const recolour = () => map.recolour();
  dark.addEventListener('change', recolour);
  return () => {
    sizes.disconnect();
    dark.removeEventListener('change', recolour);
  };
}
