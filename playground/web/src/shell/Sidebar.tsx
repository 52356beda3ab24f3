/** The list of places, with what is unread in bold, and the choice of who acts. */

import { Avatar } from "../pieces/Avatar";
import { Icon } from "../pieces/icons";
import { useActing, userOf } from "../state/acting";
import { places, type Place } from "../state/places";
import { hashOf } from "../state/route";

interface SidebarProps {
  place: string;
  counts: Record<string, number>;
  actAs: (user: string) => void;
}

export function Sidebar({ place, counts, actAs }: SidebarProps) {
  const { look, me } = useActing();
  const all = places(look, me.id);
  const group = (title: string, kinds: Place["kind"][]) => {
    const own = all.filter((one) => kinds.includes(one.kind));
    return own.length ? (
      <section className="group">
        <h2>{title}</h2>
        <ul>
          {own.map((one) => (
            <PlaceLink key={one.id} one={one} here={one.id === place} count={counts[one.channel] ?? 0} />
          ))}
        </ul>
      </section>
    ) : null;
  };
  return (
    <nav className="sidebar" aria-label="Channels and direct messages">
      <div className="team">
        <img src={`${import.meta.env.BASE_URL}icon.svg`} alt="" width={28} height={28} />
        <div>
          <strong>{look.team.name || "Playground"}</strong>
          <span>a Slack of your own</span>
        </div>
      </div>
      <div className="places">
        {group("Channels", ["channel", "private"])}
        {group("Direct messages", ["direct"])}
        {group("Apps", ["app"])}
      </div>
      <ActingAs actAs={actAs} />
    </nav>
  );
}

function PlaceLink({ one, here, count }: { one: Place; here: boolean; count: number }) {
  const { look } = useActing();
  const unread = count > 0 && !here;
  return (
    <li>
      <a
        href={hashOf(one.id)}
        className={`place ${unread ? "unread" : ""} ${one.archived ? "archived" : ""}`}
        aria-current={here ? "page" : undefined}
      >
        <span className="place-mark">
          {one.user ? <Avatar user={userOf(look, one.user)} id={one.user} size={20} /> : <Icon name={one.kind === "private" ? "lock" : "hash"} size={16} />}
        </span>
        <span className="place-title">{one.title}</span>
        {one.archived && <span className="place-note">archived</span>}
        {unread && (
          <span className="badge">
            {count > 99 ? "99+" : count}
            <span className="hidden"> unread</span>
          </span>
        )}
      </a>
    </li>
  );
}

function ActingAs({ actAs }: { actAs: (user: string) => void }) {
  const { look, me } = useActing();
  const people = look.users.filter((user) => !user.is_bot);
  return (
    <fieldset className="acting">
      <legend>You act as</legend>
      <div className="people">
        {people.map((user) => (
          <label key={user.id} className="person" title={`${user.real_name} · ${user.tz}`}>
            <input type="radio" name="acting" className="hidden" checked={user.id === me.id} onChange={() => actAs(user.id)} />
            <Avatar user={user} id={user.id} size={24} />
            <span>{user.name}</span>
          </label>
        ))}
      </div>
      <p className="zone">{me.tz.replaceAll("_", " ")}</p>
    </fieldset>
  );
}
