// One sale: what it is, how long until the doors, who is signed in, and the way into the line.
import { useEffect, useMemo } from 'preact/hooks';
import { problemText, t } from '../language';
import { title } from '../parts/focus';
import { Nothing } from '../parts/Nothing';
import { Poster } from '../parts/Poster';
import { Doors } from './Doors';
import { PhaseBadge, SaleFacts } from './SaleFacts';
import { arrive, keepFresh, newVisit, type Visit } from './visit';

export function SalePage({ id }: { id: string }) {
  const visit = useMemo(() => newVisit(id), [id]);
  useEffect(() => {
    void arrive(visit);
    const back = (event: PageTransitionEvent) => {
      if (event.persisted) void arrive(visit);
    };
    addEventListener('pageshow', back);
    const stop = keepFresh(visit);
    return () => {
      removeEventListener('pageshow', back);
      stop();
    };
  }, [visit]);
  const problem = visit.problem.value;
  if (problem === 'sale_not_found') return <Nothing text={problemText(problem)} />;
  return <Sale visit={visit} />;
}

function Sale({ visit }: { visit: Visit }) {
  const sale = visit.sale.value;
  const problem = visit.problem.value;
  if (problem) return <Unreached visit={visit} problem={problem} />;
  if (!sale || visit.me.value === undefined || visit.place.value === undefined) return null;
  title(sale.event.name);
  return (
    <div class="page sale">
      <div class="hero">
        <Poster id={sale.event.event_id} />
        <div class="hero-text">
          <PhaseBadge sale={sale} />
          <h1 class="display">{sale.event.name}</h1>
          <p class="lead soft">{sale.event.venue}</p>
        </div>
      </div>
      <div class="act">
        <Told />
        <Doors visit={visit} sale={sale} />
      </div>
      <div class="about">
        <SaleFacts sale={sale} />
      </div>
    </div>
  );
}

/** Why another page has sent the fan here. */
function Told() {
  const code = new URLSearchParams(location.search).get('problem');
  if (!code || !(code in t.value.problems)) return null;
  return (
    <p class="note warn" role="status">
      {problemText(code)}
    </p>
  );
}

function Unreached({ visit, problem }: { visit: Visit; problem: string }) {
  return (
    <section class="page narrow stack" role="alert">
      <h1>{problemText(problem)}</h1>
      <p>
        <button type="button" class="btn" onClick={() => void arrive(visit)}>
          {t.value.common.again}
        </button>
      </p>
    </section>
  );
}
