/** The whole page: who acts, what he sees, and the panes around it. */

import { useCallback, useEffect, useMemo, useState } from "react";
import { ActingContext, TalkContext, useKnown, userOf, type Acting } from "../state/acting";
import { useLook } from "../state/look";
import { useRoute } from "../state/route";
import { useOfTab } from "../state/tab";
import { Frame } from "./Frame";

const FIRST_PERSON = "U0ANA";
const MINUTE_MS = 60_000;
const HOUR12 = new Intl.DateTimeFormat(undefined, { hour: "numeric" }).resolvedOptions().hour12 ?? true;

export function App() {
  const [user, setUser] = useOfTab("acting", FIRST_PERSON);
  const { look, reachable, nobody } = useLook(user);
  useEffect(() => {
    if (nobody) setUser(FIRST_PERSON);
  }, [nobody, setUser]);
  const [route, go] = useRoute();
  const minute = useMinute();
  const known = useKnown(look);
  const me = known && userOf(known, user);
  const toChannel = useCallback((channel: string, ts?: string | null) => go(channel, ts ?? null), [go]);

  const acting: Acting | null = useMemo(
    () => (known && me ? { look: known, me, clock: { now: minute, zone: me.tz || "UTC", hour12: HOUR12 }, go: toChannel } : null),
    [known, me, minute, toChannel],
  );
  if (!acting || !look) return <Waiting reachable={reachable} />;
  return (
    <ActingContext value={acting}>
      <TalkContext value={look}>
        <Frame route={route} go={go} actAs={setUser} reachable={reachable} />
      </TalkContext>
    </ActingContext>
  );
}

/** The time in Unix seconds, new every minute: enough for headings such as “today”. */
function useMinute(): number {
  const [now, setNow] = useState(() => Date.now() / 1000);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now() / 1000), MINUTE_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}

function Waiting({ reachable }: { reachable: boolean }) {
  return (
    <main className="waiting" role="status">
      <span className="spinner" aria-hidden="true" />
      <p>{reachable ? "Opening the playground …" : "The playground’s server does not answer. Trying again …"}</p>
    </main>
  );
}
