/** What the bot and Slack said to each other, with the time of each answer; slow acknowledgements in red. */

import { useEffect, useRef, useState } from "react";
import { Icon } from "../pieces/icons";
import { useActing } from "../state/acting";
import { merged, pendingFrom, SLOW_SECONDS, took } from "../state/recorded";
import { timeOf } from "../text/date";
import { record } from "../wire/client";
import type { Entry } from "../wire/types";
import { closesOnEscape } from "./keys";

const EVERY_MS = 1_000;

function useRecord(): Entry[] {
  const [entries, setEntries] = useState<Entry[]>([]);
  const latest = useRef(entries);
  useEffect(() => {
    const ending = new AbortController();
    const fetchNew = async () => {
      try {
        const answer = await record(pendingFrom(latest.current), ending.signal);
        if (ending.signal.aborted) return;
        latest.current = merged(latest.current, answer);
        setEntries(latest.current);
      } catch {
        // the server is gone for the moment: the top bar says so
      }
      if (!ending.signal.aborted) timer = window.setTimeout(() => void fetchNew(), EVERY_MS);
    };
    let timer = window.setTimeout(() => void fetchNew(), 0);
    return () => (ending.abort(), window.clearTimeout(timer));
  }, []);
  return entries;
}

export function Recorder({ close }: { close: () => void }) {
  const { clock } = useActing();
  const entries = useRecord();
  const [only, setOnly] = useState<"all" | Entry["kind"]>("all");
  const shown = entries.filter((entry) => only === "all" || entry.kind === only).toReversed();
  return (
    <section className="recorder" aria-label="Recorder" onKeyDown={closesOnEscape(close)}>
      <header className="pane-head">
        <h2>
          Recorder <span>what the bot and Slack say to each other</span>
        </h2>
        <label className="recorder-filter">
          Show{" "}
          <select className="field" value={only} onChange={(event) => setOnly(event.target.value as typeof only)}>
            <option value="all">all</option>
            <option value="delivery">deliveries to the bot</option>
            <option value="call">calls by the bot</option>
          </select>
        </label>
        <button type="button" className="tool" aria-label="Close the recorder" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <div className="recorder-body" tabIndex={0} role="region" aria-label="Calls and deliveries">
        <table>
          <thead>
            <tr>
              <th scope="col">At</th>
              <th scope="col">Way</th>
              <th scope="col">What</th>
              <th scope="col">Answered in</th>
              <th scope="col">Outcome</th>
              <th scope="col">About</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((entry) => (
              <tr key={entry.number} className={isSlow(entry) ? "slow" : isBad(entry) ? "bad" : undefined}>
                <td>{timeOf(entry.at, clock, true)}</td>
                <td>{entry.kind === "call" ? "bot → Slack" : "Slack → bot"}</td>
                <td>{entry.name}</td>
                <td className="number">{took(entry)}{isSlow(entry) && <span className="hidden"> (slow)</span>}</td>
                <td>{entry.outcome}</td>
                <td className="about">{about(entry.detail)}</td>
              </tr>
            ))}
          </tbody>
        </table>
        {shown.length === 0 && <p className="empty">Nothing has been said yet.</p>}
      </div>
    </section>
  );
}

function isSlow(entry: Entry): boolean {
  return entry.seconds !== null && entry.seconds > SLOW_SECONDS;
}

function isBad(entry: Entry): boolean {
  return entry.outcome !== "" && entry.outcome !== "ok" && !/^2\d\d$/.test(entry.outcome);
}

function about(detail: unknown): string {
  if (detail === null || typeof detail !== "object") return String(detail ?? "");
  return Object.entries(detail)
    .filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : String(value)}`)
    .join(" · ");
}
