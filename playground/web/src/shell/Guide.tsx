/** What the demo proposes: steps with lines that a click types, as the right person in the right channel. */

import { useEffect, useMemo, useRef, useState } from "react";
import { Icon } from "../pieces/icons";
import { nameOf, useActing, useTalk } from "../state/acting";
import { filled, markTyped, progressOf, useDone } from "../state/done";
import { propose } from "../state/draft";
import { tell } from "../state/notes";
import { APP } from "../state/route";
import { Mrkdwn } from "../text/Rich";
import * as client from "../wire/client";
import type { GuideStep } from "../wire/types";
import { closesOnEscape } from "./keys";

interface GuideProps {
  place: string;
  close: () => void;
  go: (place: string) => void;
  actAs: (user: string) => void;
}

export function Guide(props: GuideProps) {
  const { look } = useActing();
  const [done, restart] = useDone();
  const { finished, next } = progressOf(look.guide, done);
  const count = finished.filter(Boolean).length;
  const upNext = useRef<HTMLLIElement>(null);
  const steps = useRef<HTMLOListElement>(null);
  useEffect(() => {
    const show = () => upNext.current?.scrollIntoView({ block: "nearest" });
    show();
    const resized = new ResizeObserver(show); // a thread takes most of its room
    if (steps.current) resized.observe(steps.current);
    return () => resized.disconnect();
  }, [next]);
  return (
    <aside className="pane guide" aria-label="Guide" onKeyDown={closesOnEscape(props.close)}>
      <header className="pane-head">
        <h2>
          Guide <span>{`${count} of ${finished.length} done`}</span>
        </h2>
        <div className="tools">
          {count > 0 && (
            <button type="button" className="tool tool-named" onClick={restart}>
              <span>Start over</span>
            </button>
          )}
          <button type="button" className="tool" aria-label="Close the guide" onClick={props.close}>
            <Icon name="close" />
          </button>
        </div>
      </header>
      <ol className="steps" tabIndex={0} aria-label="Steps" ref={steps}>
        {look.guide.map((step, at) => (
          <li key={at} className={`step ${finished[at] ? "step-done" : ""}`} aria-current={at === next ? "step" : undefined} ref={at === next ? upNext : null}>
            <h3>
              {step.title}
              {finished[at] && <span className="hidden">, done</span>}
              {at === next && <span className="tag">Next</span>}
            </h3>
            {step.text && <Mrkdwn text={step.text} />}
            <Person step={step} {...props} />
            <ul>
              {step.lines.map((line) => (
                <Proposal key={line} line={line} step={step} {...props} />
              ))}
            </ul>
          </li>
        ))}
      </ol>
    </aside>
  );
}

/** A button that makes one the person of a step, where one is another. */
function Person({ step, actAs }: GuideProps & { step: GuideStep }) {
  const { look, me } = useActing();
  if (!step.user || step.user === me.id) return null;
  const name = nameOf(look, step.user);
  return (
    <button type="button" className="act-as" onClick={() => become(step, name, actAs)}>
      {`Be ${name}${step.role ? ` (${step.role})` : ""}`}
    </button>
  );
}

function become(step: GuideStep, name: string, actAs: (user: string) => void): void {
  if (!step.user) return;
  actAs(step.user);
  tell(`You now act as ${name}${step.role ? `, ${step.role}` : ""}.`);
}

function Proposal({ line, step, place, close, go, actAs }: GuideProps & { line: string; step: GuideStep }) {
  const { look, me } = useActing();
  const { messages } = useTalk();
  const [busy, setBusy] = useState(false);
  const user = step.user ?? me.id;
  const here = place === APP ? "" : place;
  const channel = step.channel ?? (here || (look.channels[0]?.id ?? ""));
  const name = nameOf(look, user);
  const other = user === me.id ? "" : `as ${name}`;
  const typed = useMemo(() => filled(line, step, messages.map((message) => message.text)), [line, step, messages]);
  const gone = () => {
    if (user !== me.id) become(step, name, actAs);
    if (channel !== place && here !== channel) go(channel);
    if (window.matchMedia("(max-width: 860px)").matches) close();
  };
  const edit = () => {
    gone();
    propose(`${user}/${channel}/`, typed ?? line);
  };
  const type = async () => {
    if (typed === null) return edit(); // there is no run yet that RUN could be
    setBusy(true);
    gone();
    const answer = await client.type(user, channel, typed);
    setBusy(false);
    if (answer.error) tell(answer.error);
    else markTyped(typed, look.guide);
  };
  return (
    <li className="proposal">
      <button type="button" className="line" disabled={busy} onClick={() => void type()}>
        <code>{typed ?? line}</code>
        {other && <span>{other}</span>}
        <span className="hidden">: type it</span>
        <Icon name="send" size={15} />
      </button>
      <button type="button" className="tool" aria-label={`Edit ${line} before it is sent`} title="Edit before sending" onClick={edit}>
        <Icon name="pen" size={15} />
      </button>
    </li>
  );
}
