// All sales, the newest first.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api, ask, codeOf, type SaleFacts } from '../../shared/api';
import { setServerTime } from '../../shared/clock';
import { moment, problemText, t } from '../language';
import { title } from '../parts/focus';
import { Poster } from '../parts/Poster';
import { paths } from '../route';
import { PhaseBadge, priceText } from './SaleFacts';

export function SaleList() {
  const sales = useSignal<SaleFacts[] | undefined>(undefined);
  const problem = useSignal<string | undefined>(undefined);
  const load = async () => {
    const sentAt = Date.now();
    const answer = await ask(api.GET('/v1/sales'));
    problem.value = codeOf(answer);
    if (!answer.ok) return;
    const [first] = answer.value.sales;
    if (first) setServerTime(first.server_time, sentAt);
    sales.value = answer.value.sales;
  };
  useEffect(() => void load(), []);
  const { list, common } = t.value;
  title(list.title);
  return (
    <section class="page stack wide-gap">
      <div class="stack tight">
        <h1 class="display">{list.title}</h1>
        <p class="soft lead">{list.intro}</p>
      </div>
      {problem.value && (
        <div class="note fail row" role="alert">
          <span>{problemText(problem.value)}</span>
          <button type="button" class="btn small" onClick={() => void load()}>
            {common.again}
          </button>
        </div>
      )}
      {sales.value?.length === 0 && <Empty />}
      {sales.value && sales.value.length > 0 && (
        <ul class="sales">
          {sales.value.map((sale) => (
            <SaleCard key={sale.sale_id} sale={sale} />
          ))}
        </ul>
      )}
    </section>
  );
}

function SaleCard({ sale }: { sale: SaleFacts }) {
  return (
    <li class="card sale-card">
      <Poster id={sale.event.event_id} />
      <div class="stack tight">
        <p>
          <PhaseBadge sale={sale} />
        </p>
        <h2>
          <a class="whole-card" href={paths.sale(sale.sale_id)}>
            {sale.event.name}
          </a>
        </h2>
        <p class="soft">
          {moment(sale.event.starts_at)}
          <br />
          {sale.event.venue}
        </p>
        <p class="num price">{priceText(sale)}</p>
        {sale.phase === 'scheduled' && (
          <p class="small soft">
            {t.value.facts.opens}: {moment(sale.opens_at)}
          </p>
        )}
      </div>
    </li>
  );
}

const Empty = () => (
  <div class="card stack tight">
    <h2>{t.value.list.empty}</h2>
    <p class="soft">{t.value.list.emptyHint}</p>
  </div>
);
