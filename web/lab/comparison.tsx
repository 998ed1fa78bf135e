// The page that shows two runs side by side, and says of the second one whether it is better: if that can be said.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { dateTime, number } from '../shared/format';
import { type Comparison, compare, type Difference, type Row } from './compare';
import { fetchReport, type Report } from './report';
import { titleOf } from './texts';

type Loaded = { id: string; report: Report | string };

export function Compared() {
  const query = new URLSearchParams(location.search);
  const [a, b] = [query.get('a') ?? '', query.get('b') ?? ''];
  const loaded = useSignal<[Loaded, Loaded] | undefined>(undefined);
  useEffect(() => {
    if (!a || !b) return;
    void Promise.all([fetchReport(a), fetchReport(b)]).then(([first, second]) => {
      loaded.value = [
        { id: a, report: first },
        { id: b, report: second },
      ];
    });
  }, [a, b]);
  if (!a || !b) return <Choose says="Two runs are needed." />;
  if (!loaded.value) return <p class="soft">Reading both reports…</p>;
  const [first, second] = loaded.value;
  if (typeof first.report === 'string') return <Choose says={`Run A: ${first.report}`} />;
  if (typeof second.report === 'string') return <Choose says={`Run B: ${second.report}`} />;
  return <Both a={first.report} b={second.report} ids={[a, b]} />;
}

function Choose({ says }: { says: string }) {
  return (
    <div class="stack">
      <h1>Compare</h1>
      <p class="note warn">{says}</p>
      <p>
        <a href="/lab/runs">Choose two runs</a>
      </p>
    </div>
  );
}

function Both({ a, b, ids }: { a: Report; b: Report; ids: [string, string] }) {
  const found = compare(a, b);
  return (
    <div class="stack">
      <h1>Compare</h1>
      <div class="pair">
        <Side which="A" id={ids[0]} report={a} />
        <Side which="B" id={ids[1]} report={b} />
      </div>
      <Conclusion found={found} />
      <Differences title="What differs" rows={found.differences} />
      <Differences title="Builds, which may differ" rows={found.builds} />
      <Rows
        title="Checks"
        rows={found.checks}
        says={`${found.heldInBoth} hold in both.`}
        judged={found.conclusion !== undefined}
      />
      <Rows
        title="Thresholds"
        rows={found.slos}
        says="Observed, with samples."
        judged={found.conclusion !== undefined}
      />
      <Rows
        title="Response times"
        rows={found.times}
        says={`Less than a quarter, or ${number(found.noiseMs)} ms, counts as the same.`}
        judged={found.conclusion !== undefined}
      />
      <Rows title="Totals" rows={found.totals} says="Whole run." judged={false} />
    </div>
  );
}

function Side({ which, id, report }: { which: string; id: string; report: Report }) {
  const tone = { PASS: 'pass', FAIL: 'fail' }[report.verdict] ?? 'warn';
  return (
    <section class="card side" aria-label={`Run ${which}`}>
      <p class="eyebrow">Run {which}</p>
      <h2>
        <a href={`/lab/runs/${id}`}>{titleOf(report.scenario)}</a> <span class={`badge ${tone}`}>{report.verdict}</span>
      </h2>
      <p class="small soft">
        {dateTime(report.started_at)} · seed {report.seed} · {id.slice(-8)}
      </p>
    </section>
  );
}

function Conclusion({ found }: { found: Comparison }) {
  const { conclusion } = found;
  if (!conclusion) {
    return (
      <p class="note warn">
        <b>Not like for like</b>, so nothing is judged. The figures are shown all the same.
      </p>
    );
  }
  const { word, better, worse } = conclusion;
  const says = {
    same: 'no difference beyond what two runs of one build show',
    better: `${better} better, and nothing is worse`,
    worse: `${worse} worse, ${better} better`,
  }[word];
  return (
    <p class={`note ${word === 'worse' ? 'fail' : 'pass'}`}>
      <b>{{ same: 'Same', better: 'B is better', worse: 'B is worse' }[word]}</b>: like for like, {says}.
    </p>
  );
}

function Differences({ title, rows }: { title: string; rows: Difference[] }) {
  if (rows.length === 0) return null;
  return (
    <Rows title={title} rows={rows.map((row) => ({ name: row.what, a: row.a, b: row.b }))} says="" judged={false} />
  );
}

const TONE = { better: 'pass', worse: 'fail', same: '', 'too few to say': '' } as const;

function Rows({ title, rows, says, judged }: { title: string; rows: Row[]; says: string; judged: boolean }) {
  const id = title.toLowerCase().replaceAll(/[^a-z]+/g, '-');
  return (
    <section class="card" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {says && <p class="small soft">{says}</p>}
      {rows.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <section class="scroll-x" tabIndex={0} aria-labelledby={id}>
          <table>
            <thead>
              <tr>
                <th>What</th>
                <th class="n">A</th>
                <th class="n">B</th>
                {judged && <th>B is</th>}
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row.name}>
                  <td>{row.name}</td>
                  <td class="n">{row.a}</td>
                  <td class="n">{row.b}</td>
                  {judged && <td>{row.change && <span class={`badge ${TONE[row.change]}`}>{row.change}</span>}</td>}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </section>
  );
}
