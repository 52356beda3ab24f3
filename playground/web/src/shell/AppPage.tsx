/** The app's own page: its Home as the app draws it, and the messages between it and the person. */

import { lazy, Suspense, useEffect } from "react";
import { Avatar } from "../pieces/Avatar";
import { directWithBot, nameOf, useActing, useTalk, userOf } from "../state/acting";
import { APP, hashOf } from "../state/route";
import { tell } from "../state/notes";
import * as client from "../wire/client";
import { Talk } from "./ChannelPage";

const HomeView = lazy(() => import("../blocks/HomeView"));

type Tab = "home" | "messages";

export function AppPage({ tab, unread }: { tab: Tab; unread: number }) {
  const { look, me } = useActing();
  useEffect(() => {
    void client.home(me.id, tab).then((answer) => answer.error && tell(answer.error));
  }, [me.id, tab]);
  return (
    <main className="talk">
      <header className="talk-head app-head">
        <h1>
          <Avatar id={look.bot} user={userOf(look, look.bot)} size={24} />
          {nameOf(look, look.bot)} <span className="tag">App</span>
        </h1>
        <nav className="tabs" aria-label="The app’s pages">
          <TabLink tab="home" here={tab} label="Home" />
          <TabLink tab="messages" here={tab} label={unread && tab !== "messages" ? `Messages (${unread})` : "Messages"} />
        </nav>
      </header>
      {tab === "home" ? <Home /> : <Messages />}
    </main>
  );
}

function TabLink({ tab, here, label }: { tab: Tab; here: Tab; label: string }) {
  return (
    <a className="tab" href={hashOf(APP, tab)} aria-current={tab === here ? "page" : undefined}>
      {label}
    </a>
  );
}

function Home() {
  const { home } = useTalk();
  return (
    <div id="talk" className="home" tabIndex={-1}>
      {home ? (
        <Suspense fallback={<p className="empty">Drawing …</p>}>
          <HomeView view={home} />
        </Suspense>
      ) : (
        <p className="empty">The app has not drawn its Home yet. Its messages are one tab further.</p>
      )}
    </div>
  );
}

function Messages() {
  const { look } = useActing();
  const direct = directWithBot(look);
  return direct ? (
    <Talk channel={direct} target="" />
  ) : (
    <p id="talk" tabIndex={-1} className="empty">
      No direct message with {nameOf(look, look.bot)} has been written yet.
    </p>
  );
}
