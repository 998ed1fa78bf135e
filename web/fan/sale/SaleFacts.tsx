// What everybody may know about a sale: when, where, for how much, how many.
import type { SaleFacts as Facts } from '../../shared/api';
import { moment, money, say, t, zone } from '../language';
import { now } from '../parts/tick';
import { phaseNow } from './phase';

const TONES: Record<string, string> = { open: 'pass', scheduled: 'accent', paused: 'warn', building: 'warn' };

export function PhaseBadge({ sale }: { sale: Facts }) {
  const phase = phaseNow(sale, now.value);
  const words: Record<string, string> = t.value.phase;
  return <span class={`badge ${TONES[phase] ?? ''}`}>{words[phase] ?? phase}</span>;
}

export function priceText({ price }: Facts): string {
  const least = money(price.min, price.currency);
  return price.min === price.max ? least : `${least} – ${money(price.max, price.currency)}`;
}

export function seatsLeftText({ seats_left: left }: Facts): string {
  const { plenty, some, few, none } = t.value.facts;
  const bands: Record<string, string> = { plenty, some, few, none };
  return say(bands[left.band] ?? none, { count: left.at_least });
}

export function SaleFacts({ sale }: { sale: Facts }) {
  const { facts, common } = t.value;
  return (
    <section class="stack">
      <dl class="facts num">
        <Fact name={facts.when} value={moment(sale.event.starts_at)} />
        <Fact name={facts.where} value={sale.event.venue} />
        <Fact name={facts.prices} value={priceText(sale)} more={facts.allIn} />
        <Fact name={facts.perPerson} value={say(facts.upTo, { count: sale.max_tickets_per_user })} />
        {sale.phase !== 'building' && <Fact name={facts.seatsLeft} value={seatsLeftText(sale)} />}
        <Fact name={facts.opens} value={moment(sale.opens_at)} />
        <Fact name={facts.ends} value={moment(sale.ends_at)} />
      </dl>
      <p class="small soft">
        {facts.bound} {say(common.inYourZone, { zone: zone() })}
      </p>
    </section>
  );
}

function Fact({ name, value, more }: { name: string; value: string; more?: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {value}
        {more && <span class="more">{more}</span>}
      </dd>
    </div>
  );
}
