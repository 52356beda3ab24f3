/** The block `data_visualization`: a chart with title, legend, and its numbers as a table for those who do not see it. */

import { useId, type ReactNode } from "react";
import type { Block } from "../../wire/types";
import { Bars } from "./Bars";
import { Lines } from "./Lines";
import { NumbersOf } from "./NumbersOf";
import { Pie } from "./Pie";
import { written, type Point, type Series } from "./scale";

export interface Plot {
  kind: "line" | "area" | "bar";
  categories: string[];
  series: Series[];
  xLabel: string;
  yLabel: string;
}

/** What is to be plotted; series and categories as the app sent them, whatever is missing filled in. */
export function plotOf(chart: Block): Plot {
  const series = ((chart.series ?? []) as Block[]).map((one) => ({ name: String(one.name ?? ""), data: pointsOf(one.data) }));
  const named = (chart.axis_config?.categories ?? []) as string[];
  const categories = named.length ? named.map(String) : [...new Set(series.flatMap((one) => one.data.map((point) => point.label)))];
  const kind = chart.type === "bar" || chart.type === "area" ? chart.type : "line";
  return { kind, categories, series, xLabel: String(chart.axis_config?.x_label ?? ""), yLabel: String(chart.axis_config?.y_label ?? "") };
}

export function pointsOf(data: unknown): Point[] {
  return ((data ?? []) as Block[]).map((point) => ({ label: String(point.label ?? ""), value: Number(point.value ?? Number.NaN) }));
}

/** In one sentence, what can be seen. */
export function described(plot: Plot): string {
  const parts = plot.series.map((one) => {
    const first = one.data[0];
    const last = one.data.at(-1);
    return first && last ? `${one.name} from ${written(first.value)} (${first.label}) to ${written(last.value)} (${last.label})` : one.name;
  });
  return `${plot.kind} chart: ${parts.join("; ")}`;
}

export function Chart({ block }: { block: Block }): ReactNode {
  const id = useId();
  const chart = (block.chart ?? {}) as Block;
  const title = typeof block.title === "string" ? block.title : String(block.title?.text ?? "");
  return (
    <figure className="chart" aria-labelledby={title ? id : undefined}>
      {title && (
        <figcaption id={id} className="chart-title">
          {title}
        </figcaption>
      )}
      {chart.type === "pie" ? <PieChart segments={pointsOf(chart.segments)} /> : <Plotted plot={plotOf(chart)} />}
    </figure>
  );
}

function PieChart({ segments }: { segments: Point[] }) {
  return (
    <>
      <Pie segments={segments} />
      <NumbersOf head={["", "Value"]} rows={segments.map(({ label, value }) => [label, written(value)])} />
    </>
  );
}

function Plotted({ plot }: { plot: Plot }) {
  const rows = plot.categories.map((label) => [
    label,
    ...plot.series.map((one) => written(one.data.find((point) => point.label === label)?.value ?? Number.NaN)),
  ]);
  return (
    <>
      {plot.kind === "bar" ? <Bars plot={plot} /> : <Lines plot={plot} />}
      {plot.series.length > 0 && (
        <ul className="legend">
          {plot.series.map((one, at) => (
            <li key={one.name}>
              <span className={`swatch series-${at + 1}`} aria-hidden="true" />
              {one.name}
            </li>
          ))}
        </ul>
      )}
      <NumbersOf head={[plot.xLabel, ...plot.series.map((one) => one.name)]} rows={rows} />
    </>
  );
}
