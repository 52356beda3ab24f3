/** A mock playground for developing the page: answers the contract from memory. It is never part of the bundle. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Connect, Plugin } from "vite";
import { Pretended } from "./pretended.ts";

async function bodyOf(request: IncomingMessage): Promise<Record<string, any>> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text ? JSON.parse(text) : {};
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.statusCode = status;
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(body));
}

/** Development needs scripts within the page; what is built has the strict policy. */
function loosened(html: string): string {
  return html.replace(/<meta\s+http-equiv="Content-Security-Policy"[\s\S]*?\/>/, "");
}

export function mock(): Plugin {
  const pretended = new Pretended();
  return {
    name: "pretended-playground",
    apply: "serve",
    transformIndexHtml: { order: "pre", handler: loosened },
    configureServer: (server) => serve(pretended, server.middlewares),
    configurePreviewServer: (server) => serve(pretended, server.middlewares),
  };
}

function serve(pretended: Pretended, middlewares: Connect.Server): void {
  middlewares.use("/control", async (request, response) => {
    const url = new URL(request.url ?? "/", "http://mock");
    const name = url.pathname.slice(1);
    try {
      if (request.method === "POST") answer(response, 200, await pretended.post(name, await bodyOf(request)));
      else answer(response, 200, await pretended.get(name, url.searchParams));
    } catch (error) {
      answer(response, 400, { error: error instanceof Error ? error.message : String(error) });
    }
  });
  middlewares.use("/files", (request, response) => {
    const file = pretended.file((request.url ?? "").slice(1));
    response.setHeader("content-type", file?.mimetype ?? "text/plain");
    response.end(file?.content ?? "");
  });
}
