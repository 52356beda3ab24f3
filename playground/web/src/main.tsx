import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./shell/App";
import { applyTheme } from "./state/theme";
import { loadEmoji } from "./text/emoji";
import "./style/index.css";

applyTheme();
void loadEmoji();
createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
