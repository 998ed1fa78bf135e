// What a draft comes to, in sentences: how long a line takes, what the hall is worth, who has how much time.

import { serverNow } from '../shared/clock';
import { money } from '../shared/format';
import { type Draft, minutesFor, type Plan } from './draft';
import { texts } from './texts';

/** A crowd that one can imagine, where the hall is small. */
const CROWD = 10_000;

export function Means({ plan, draft }: { plan: Plan; draft: Draft }) {
  const said = sentences(plan, draft);
  const warnings = warningsOf(plan, draft);
  if (said.length === 0) return <p class="soft">{texts.new.none}</p>;
  return (
    <>
      <ul class="said">
        {said.map((one) => (
          <li key={one}>{one}</li>
        ))}
      </ul>
      {warnings.map((one) => (
        <p class="note warn" key={one}>
          {one}
        </p>
      ))}
    </>
  );
}

function sentences({ sale, seats, worth, wrong }: Plan, draft: Draft): string[] {
  const say = texts.new.means;
  const said: string[] = [];
  if (seats > 0 && !wrong['seating']) {
    said.push(say.seats(seats, draft.by_sections ? draft.seating.length : 1));
    if (worth > 0) said.push(say.worth(money(worth, draft.currency)));
    const each = sale.max_tickets_per_user ?? 1;
    if (!wrong['max_tickets_per_user']) said.push(say.buyers(Math.ceil(seats / each)));
  }
  const rate = sale.admit_per_minute ?? 0;
  if (!wrong['admit_per_minute']) {
    const crowd = Math.max(CROWD, seats);
    const minutes = minutesFor(crowd, rate);
    said.push(minutes === undefined ? say.still : say.line(rate, crowd, minutes));
  }
  const windows = [sale.claim_window_sec, sale.shopping_window_sec, sale.hold_ttl_sec].map((sec) => sec ?? 0);
  const [claim = 0, shop = 0, hold = 0] = windows;
  if (claim && shop && hold) said.push(say.windows(claim, shop, hold));
  const [opens, ends] = [Date.parse(sale.opens_at), Date.parse(sale.ends_at)];
  if (ends > opens) said.push(say.lasts(Math.round((ends - opens) / 60_000)));
  return said;
}

function warningsOf({ event, sale, seats }: Plan, draft: Draft): string[] {
  const warn = texts.new.warn;
  const said: string[] = [];
  if (sale.opens_at && Date.parse(sale.opens_at) < serverNow()) said.push(warn.past);
  if (event.starts_at && sale.ends_at && Date.parse(sale.ends_at) > Date.parse(event.starts_at))
    said.push(warn.afterShow);
  if (draft.numbers.waiting_room_cap && seats > (sale.waiting_room_cap ?? 0)) said.push(warn.smallRoom);
  return said;
}
