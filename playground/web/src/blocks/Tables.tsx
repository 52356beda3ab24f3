/** The blocks `table` and `data_table`: real tables, with heads that are read out. */

import type { ReactNode } from "react";
import { TextOf } from "../text/Rich";
import type { Block } from "../wire/types";
import { BlockOf } from "./BlockOf";
import { written } from "./chart/scale";

export function Table({ block }: { block: Block }) {
  const [head, ...rows] = (block.rows ?? []) as Block[][];
  const settings = (block.column_settings ?? []) as (Block | null)[];
  const classOf = (at: number) => {
    const setting = settings[at];
    return [setting?.align && setting.align !== "left" ? `to-${setting.align}` : "", setting?.is_wrapped ? "wrapped" : ""].join(" ").trim();
  };
  if (!head) return null;
  return (
    <div className="table-block" tabIndex={0} role="region" aria-label={String(block.caption ?? "Table")}>
      <table>
        {block.caption && <caption>{String(block.caption)}</caption>}
        <thead>
          <tr>
            {head.map((cell, at) => (
              <th key={at} scope="col" className={classOf(at)}>
                <Cell cell={cell} />
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, line) => (
            <tr key={line}>
              {row.map((cell, at) => (
                <td key={at} className={cell?.type === "raw_number" ? "to-right" : classOf(at)}>
                  <Cell cell={cell} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Cell({ cell }: { cell: Block | undefined }): ReactNode {
  if (!cell) return null;
  switch (cell.type) {
    case "raw_text":
      return String(cell.text ?? "");
    case "raw_number":
      return String(cell.text ?? written(Number(cell.value)));
    case "mrkdwn":
    case "plain_text":
      return <TextOf text={cell as never} />;
    default:
      return <BlockOf block={cell} />;
  }
}
