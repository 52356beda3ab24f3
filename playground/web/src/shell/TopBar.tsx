/** The bar at the top: search, the state of the connection, and the switches of the panes and the theme. */

import { Icon } from "../pieces/icons";
import { useActing, useTalk } from "../state/acting";
import type { Panes } from "../state/panes";
import { useTheme } from "../state/theme";

export function TopBar({ reachable, panes, openSwitcher }: { reachable: boolean; panes: Panes; openSwitcher: () => void }) {
  const { look } = useActing();
  const [theme, changeTheme] = useTheme();
  return (
    <header className="topbar">
      <button type="button" className="tool only-narrow" aria-label="Channels" onClick={() => panes.set("channels", true)}>
        <Icon name="menu" />
      </button>
      <button type="button" className="search" onClick={openSwitcher}>
        <Icon name="search" size={15} />
        <span>Go to …</span>
        <kbd>{/Mac|iP/.test(navigator.platform) ? "⌘K" : "Ctrl K"}</kbd>
      </button>
      <Connection reachable={reachable} />
      <div className="tools">
        {look.guide.length > 0 && <PaneButton panes={panes} pane="guide" label="Guide" />}
        <PaneButton panes={panes} pane="recorder" label="Recorder" />
        <button type="button" className="tool" aria-label={theme === "dark" ? "Light colours" : "Dark colours"} onClick={changeTheme}>
          <Icon name={theme === "dark" ? "sun" : "moon"} />
        </button>
      </div>
    </header>
  );
}

function PaneButton({ panes, pane, label }: { panes: Panes; pane: "guide" | "recorder"; label: string }) {
  const open = panes.open[pane];
  return (
    <button type="button" className="tool tool-named" aria-pressed={open} onClick={() => panes.set(pane, !open)}>
      <Icon name={pane === "guide" ? "guide" : "record"} />
      <span>{label}</span>
    </button>
  );
}

function Connection({ reachable }: { reachable: boolean }) {
  const { connections } = useTalk();
  const [state, words] = !reachable
    ? ["lost", "Reconnecting …"]
    : connections === 0
      ? ["away", "Bot offline"]
      : ["here", "Bot online"];
  return (
    <div className={`connection connection-${state}`} role="status">
      <span className="dot" aria-hidden="true" />
      {words}
    </div>
  );
}
