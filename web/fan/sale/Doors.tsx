// The way in: the countdown, what the phase means, and the button that takes a place.
import { type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { SaleFacts, Status } from '../../shared/api';
import { msUntil } from '../../shared/clock';
import { countdown } from '../../shared/format';
import { clockTime, moment, problemText, say, t } from '../language';
import { now } from '../parts/tick';
import { paths } from '../route';
import { join } from './join';
import { phaseNow } from './phase';
import { SignIn } from './SignIn';
import { arrive, loadSale, type Visit } from './visit';

/** People whose buttons wake at the same instant do not all press in the same millisecond. */
const SPREAD_MS = 300;
const DAY_MS = 86_400_000;
const LIVE = ['waiting', 'called', 'returning', 'inside'];
const JOINABLE = ['scheduled', 'open', 'paused', 'sold_out'];

export function Doors({ visit, sale }: { visit: Visit; sale: SaleFacts }) {
  const awake = useAwake(sale.opens_at);
  const phase = awake.value ? phaseNow(sale, now.value) : sale.phase;
  const place = visit.place.value;
  const isLive = place ? LIVE.includes(place.state) : false;
  return (
    <section class="card stack doors" aria-labelledby="doors">
      <h2 id="doors" class="sr-only">
        {t.value.join.title}
      </h2>
      {phase === 'scheduled' && <Countdown sale={sale} />}
      {!(isLive && phase === 'open') && <Says sale={sale} phase={phase} />}
      {place && <Place place={place} id={visit.id} />}
      {!isLive && JOINABLE.includes(phase) && <Act visit={visit} sale={sale} phase={phase} />}
      {visit.me.value && <Signed email={visit.me.value.email} />}
    </section>
  );
}

/** True from the doors on, by the server's clock and a small random delay. */
function useAwake(opensAt: string): Signal<boolean> {
  const awake = useSignal(msUntil(opensAt) <= 0);
  useEffect(() => {
    let timer = 0;
    const spread = Math.random() * SPREAD_MS;
    // The clock may be corrected meanwhile, and long timers are not exact.
    const look = () => {
      const left = msUntil(opensAt);
      if (left <= 0) timer = window.setTimeout(() => (awake.value = true), spread);
      else timer = window.setTimeout(look, Math.min(left, 1_000));
    };
    if (!awake.value) look();
    return () => clearTimeout(timer);
  }, [opensAt]);
  return awake;
}

function Countdown({ sale }: { sale: SaleFacts }) {
  const left = Math.max(0, Date.parse(sale.opens_at) - now.value);
  const days = Math.floor(left / DAY_MS);
  return (
    <div class="countdown" role="timer" aria-label={t.value.facts.opensIn}>
      <p class="eyebrow">{t.value.facts.opensIn}</p>
      <p class="big num">
        {days > 0 && <span class="days">{say(t.value.facts.days, { count: days })} </span>}
        {countdown(left % DAY_MS)}
      </p>
    </div>
  );
}

function Says({ sale, phase }: { sale: SaleFacts; phase: string }) {
  const { says } = t.value;
  const words: Record<string, string> = says;
  return (
    <p class={phase === 'paused' ? 'note warn' : 'lead-2'} role="status">
      {say(words[phase] ?? '', { when: moment(sale.opens_at) })}
      {phase === 'paused' && ` ${says.pausedJoin}`}
    </p>
  );
}

function Place({ place, id }: { place: Status; id: string }) {
  const { join } = t.value;
  if (place.state === 'inside')
    return <Next says={join.inside} to={paths.seats(id)} label={join.toSeats} tone="pass" />;
  if (place.state === 'bought')
    return <Next says={join.bought} to={paths.tickets} label={join.toTickets} tone="pass" />;
  if (place.state === 'expired' || place.state === 'left') return <p class="note">{join[place.state]}</p>;
  const says = `${say(join.place, { position: place.position })} ${say(join.ahead, { count: place.ahead_count })}`;
  return <Next says={says} to={paths.line(id)} label={join.toLine} tone="accent" />;
}

function Next({ says, to, label, tone }: { says: string; to: string; label: string; tone: string }) {
  return (
    <>
      <p class={`note ${tone} num`}>{says}</p>
      <a class="btn primary large" href={to}>
        {label}
      </a>
    </>
  );
}

function Act({ visit, sale, phase }: { visit: Visit; sale: SaleFacts; phase: string }) {
  const words = t.value.join;
  const busy = useSignal<string | undefined>(undefined);
  const problem = useSignal<string | undefined>(undefined);
  if (!visit.me.value) {
    const first = phase === 'scheduled' ? words.first : words.firstOpen;
    return <SignIn says={first} onSignedIn={() => arrive(visit)} />;
  }
  const closed = phase === 'scheduled';
  const act = async () => {
    if (closed || busy.value) return;
    busy.value = words.busy;
    problem.value = undefined;
    const refused = await join(visit.id, () => (busy.value = words.working));
    busy.value = undefined;
    if (!refused) return location.assign(paths.line(visit.id));
    problem.value = refused.wait === undefined ? problemText(refused.code, refused.said) : full(refused.wait);
    await (refused.code === 'session_invalid' ? arrive(visit) : loadSale(visit));
  };
  return (
    <>
      {problem.value && (
        <p class="note fail" role="alert">
          {problem.value}
        </p>
      )}
      <button type="button" class="btn primary large" aria-disabled={closed || !!busy.value} onClick={() => void act()}>
        {busy.value ?? (closed ? say(words.wait, { when: clockTime(sale.opens_at) }) : words.button)}
      </button>
    </>
  );
}

const full = (waitSec: number): string => say(t.value.join.full, { time: countdown(waitSec * 1_000) });

/** Without a session the cookie goes by a form: the server's own answer leads back to the sales. */
function Signed({ email }: { email: string }) {
  return (
    <form class="signed" method="post" action="/fan/sign-out">
      <span class="small soft">{say(t.value.common.signedInAs, { email })}</span>
      <button type="submit" class="btn quiet small">
        {t.value.common.signOut}
      </button>
    </form>
  );
}
