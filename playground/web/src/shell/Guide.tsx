/** What the demo proposes: steps with lines that a click types, as the right person in the right channel. */

import { useState } from "react";
import { Icon } from "../pieces/icons";
import { nameOf, useActing } from "../state/acting";
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
  return (
    <aside className="pane guide" aria-label="Guide" onKeyDown={closesOnEscape(props.close)}>
      <header className="pane-head">
        <h2>Guide</h2>
        <button type="button" className="tool" aria-label="Close the guide" onClick={props.close}>
          <Icon name="close" />
        </button>
      </header>
      <ol className="steps">
        {look.guide.map((step, at) => (
          <li key={at} className="step">
            <h3>{step.title}</h3>
            {step.text && <Mrkdwn text={step.text} />}
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

function Proposal({ line, step, place, close, go, actAs }: GuideProps & { line: string; step: GuideStep }) {
  const { look, me } = useActing();
  const [busy, setBusy] = useState(false);
  const user = step.user ?? me.id;
  const here = place === APP ? "" : place;
  const channel = step.channel ?? (here || (look.channels[0]?.id ?? ""));
  const other = user === me.id ? "" : `as ${nameOf(look, user)}`;
  const gone = () => {
    if (user !== me.id) actAs(user);
    if (channel !== place) go(channel);
    if (window.matchMedia("(max-width: 860px)").matches) close();
  };
  const type = async () => {
    setBusy(true);
    gone();
    const answer = await client.type(user, channel, line);
    setBusy(false);
    if (answer.error) tell(answer.error);
  };
  const edit = () => {
    gone();
    propose(`${user}/${channel}/`, line);
  };
  return (
    <li className="proposal">
      <button type="button" className="line" disabled={busy} onClick={() => void type()}>
        <code>{line}</code>
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
