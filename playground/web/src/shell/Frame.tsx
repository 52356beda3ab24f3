/** How the page is laid out: channels at the left, the talk in the middle, panes at the right and below. */

import { useEffect, useState } from "react";
import { directWithBot, useActing, useTalk } from "../state/acting";
import { useProofs } from "../state/done";
import { useNarrow } from "../state/narrow";
import { APP, type Route } from "../state/route";
import { useUnread } from "../state/unread";
import { places } from "../state/places";
import { usePanes } from "../state/panes";
import { AppPage } from "./AppPage";
import { ChannelPage } from "./ChannelPage";
import { Grip } from "./Grip";
import { Guide } from "./Guide";
import { Modals } from "./Modals";
import { Notes } from "./Notes";
import { Recorder } from "./Recorder";
import { Sheet } from "./Sheet";
import { Sidebar } from "./Sidebar";
import { Switcher } from "./Switcher";
import { Thread } from "./Thread";
import { TopBar } from "./TopBar";
import { useKeys } from "./keys";

interface FrameProps {
  route: Route;
  go: (place: string, detail?: string | null) => void;
  actAs: (user: string) => void;
  reachable: boolean;
}

export function Frame({ route, go, actAs, reachable }: FrameProps) {
  const { look, me } = useActing();
  const talk = useTalk();
  const { messages } = talk;
  useProofs(talk);
  const narrow = useNarrow();
  const panes = usePanes(narrow);
  const [switching, setSwitching] = useState(false);
  const place = placeOf(route, look.channels.map((channel) => channel.id));
  const channel = look.channels.find((one) => one.id === place);
  const thread = channel && route.place === place ? route.detail : "";
  const direct = directWithBot(look);
  const open = place === APP ? (route.detail === "messages" ? (direct?.id ?? "") : "") : place;
  const { counts } = useUnread(me.id, messages, open);

  useEffect(() => panes.set("channels", false), [route.place]); // the drawer has done its work
  useTitle(place === APP ? "verlbot" : (channel?.name ?? ""), Object.values(counts).some((count) => count > 0));
  useKeys({
    places: places(look, me.id),
    place,
    go,
    switcher: () => setSwitching(true),
    close: () => (thread ? go(place) : panes.closeOne()),
  });

  const sidebar = <Sidebar place={place} counts={counts} actAs={actAs} />;
  const guide = <Guide close={() => panes.set("guide", false)} place={place} go={go} actAs={actAs} />;
  return (
    <div className={`frame ${panes.open.recorder && !narrow ? "with-recorder" : ""}`}>
      <a className="skip" href="#talk" onClick={(event) => (event.preventDefault(), focusTalk())}>
        Skip to the messages
      </a>
      <TopBar reachable={reachable} panes={panes} openSwitcher={() => setSwitching(true)} />
      {narrow ? (
        <Sheet side="left" label="Channels" open={panes.open.channels} close={() => panes.set("channels", false)}>
          {sidebar}
        </Sheet>
      ) : (
        sidebar
      )}
      {channel && place !== APP ? (
        <ChannelPage key={`${me.id}/${channel.id}`} channel={channel} target={thread} />
      ) : (
        <AppPage key={me.id} tab={route.detail === "messages" ? "messages" : "home"} unread={direct ? (counts[direct.id] ?? 0) : 0} />
      )}
      <div className="asides">
        {thread && channel && !narrow && <Grip />}
        {thread && channel && <Thread key={thread} channel={channel} target={thread} close={() => go(place)} />}
        {!narrow && panes.open.guide && look.guide.length > 0 && guide}
      </div>
      {narrow && (
        <Sheet side="bottom" label="Guide" open={panes.open.guide} close={() => panes.set("guide", false)}>
          {guide}
        </Sheet>
      )}
      {narrow ? (
        <Sheet side="bottom" label="Recorder" open={panes.open.recorder} close={() => panes.set("recorder", false)}>
          <Recorder close={() => panes.set("recorder", false)} />
        </Sheet>
      ) : (
        panes.open.recorder && <Recorder close={() => panes.set("recorder", false)} />
      )}
      <Modals />
      <Notes />
      {switching && <Switcher go={go} counts={counts} close={() => setSwitching(false)} />}
    </div>
  );
}

/** The channel of the address if the person is in it, else the first one. */
function placeOf(route: Route, channels: string[]): string {
  if (route.place === APP || channels.includes(route.place)) return route.place;
  return channels[0] ?? APP;
}

function focusTalk(): void {
  document.getElementById("talk")?.focus();
}

function useTitle(place: string, news: boolean): void {
  useEffect(() => {
    document.title = `${news ? "• " : ""}${place ? `${place} · ` : ""}verlbot playground`;
  }, [place, news]);
}
