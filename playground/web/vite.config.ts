import { defineConfig } from "vite";
import { mock } from "./mock/plugin.ts";

// Absolute, as the server has the page's files under /page/ and the page itself at /.
const BASE = "/page/";

export default defineConfig(({ command, mode, isPreview }) => ({
  base: command === "build" || isPreview ? BASE : "/",
  plugins: mode === "test" ? [] : [mock()],
  build: {
    outDir: "../slack_playground/page",
    emptyOutDir: true,
    license: { fileName: "licences.md" },
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1200,
  },
}));
