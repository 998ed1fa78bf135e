// A table of a report: a text in the first column, figures in the others.

type Props = { title: string; head: string[]; rows: string[][]; none?: string };

export function ReportTable({ title, head, rows, none }: Props) {
  return (
    <section class="card stack">
      <h3>{title}</h3>
      {rows.length === 0 ? (
        <p class="soft">{none}</p>
      ) : (
        <table>
          <caption class="sr-only">{title}</caption>
          <thead>
            <tr>
              {head.map((name, column) => (
                <th key={name} scope="col" class={column > 0 ? 'n' : ''}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row[0]}>
                {row.map((cell, column) => (
                  <td key={head[column]} class={column > 0 ? 'n' : ''}>
                    {cell}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
