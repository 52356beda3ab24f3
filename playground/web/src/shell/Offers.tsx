/** The list above the composer: what may be meant by what was typed so far. */

import type { Completion, Offer } from "../text/complete";

const TITLES = { command: "Commands", person: "People", channel: "Channels" };
const MARKS = { command: "", person: "@", channel: "#" };

export function Offers({ id, shown, at, take }: { id: string; shown: Completion; at: number; take: (offer: Offer) => void }) {
  return (
    <div className="offers">
      <div className="offers-head" aria-hidden="true">
        {TITLES[shown.kind]}
        <span>↑ ↓ to choose · Enter takes it · Esc closes</span>
      </div>
      <ul id={id} role="listbox" aria-label={TITLES[shown.kind]}>
        {shown.offers.map((offer, index) => (
          <li
            key={offer.key}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === at}
            onMouseDown={(event) => (event.preventDefault(), take(offer))}
          >
            <span className="offer-title">
              {MARKS[shown.kind]}
              {offer.title}
            </span>
            <span className="offer-hint">{offer.hint}</span>
          </li>
        ))}
      </ul>
      <div className="hidden" role="status">
        {shown.offers.length} to choose from
      </div>
    </div>
  );
}
