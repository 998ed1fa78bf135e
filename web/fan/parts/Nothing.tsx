// An address at which there is nothing.
import { t } from '../language';
import { paths } from '../route';

export function Nothing({ text }: { text?: string }) {
  const { common } = t.value;
  return (
    <section class="page narrow stack">
      <h1>{text ?? common.nothingHere}</h1>
      <p>
        <a class="btn" href={paths.sales}>
          {common.toSales}
        </a>
      </p>
    </section>
  );
}
