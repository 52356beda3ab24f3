/** The numbers of a chart as a table, folded away. */

export function NumbersOf({ head, rows }: { head: string[]; rows: string[][] }) {
  return (
    <details className="numbers">
      <summary>The numbers</summary>
      <div className="table-frame" tabIndex={0} role="region" aria-label="The numbers of the chart">
        <table>
          <thead>
            <tr>
              {head.map((name, at) => (
                <th key={at} scope="col">
                  {name || <span className="hidden">Category</span>}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(([label, ...values], at) => (
              <tr key={at}>
                <th scope="row">{label}</th>
                {values.map((value, column) => (
                  <td key={column}>{value}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
