/** Blocks that are read: header, section, context, divider, picture, file, video. */

import type { ReactNode } from "react";
import { Icon } from "../pieces/icons";
import { useActing } from "../state/acting";
import { Link, TextOf } from "../text/Rich";
import { oneLine } from "../text/mrkdwn";
import type { Block } from "../wire/types";
import { ElementOf } from "./elements/ElementOf";

export function Header({ block }: { block: Block }) {
  const level = Math.min(Math.max(Number(block.level ?? 3), 1), 4);
  return (
    <h2 className={`block-header level-${level}`}>
      <TextOf text={block.text} />
    </h2>
  );
}

export function Section({ block }: { block: Block }) {
  const { accessory } = block;
  return (
    <div className={`block-section ${accessory?.type === "image" ? "with-picture" : ""}`}>
      <div className="section-main">
        {block.text && <TextOf text={block.text} />}
        {block.fields && (
          <div className="fields">
            {(block.fields as Block[]).map((field, at) => (
              <div key={at}>
                <TextOf text={field as never} />
              </div>
            ))}
          </div>
        )}
      </div>
      {accessory && (
        <div className="section-side">
          {accessory.type === "image" ? (
            <Picture element={accessory} className="section-picture" />
          ) : (
            <ElementOf block={block.block_id ?? ""} element={accessory} label={oneLine(block.text?.text ?? "")} />
          )}
        </div>
      )}
    </div>
  );
}

export function Context({ block }: { block: Block }) {
  return (
    <div className="block-context">
      {((block.elements ?? []) as Block[]).map((element, at) =>
        element.type === "image" ? (
          <Picture key={at} element={element} className="context-picture" />
        ) : (
          <span key={at} className="context-text">
            <TextOf text={element as never} />
          </span>
        ),
      )}
    </div>
  );
}

export function Divider() {
  return <hr className="block-divider" />;
}

export function ImageBlock({ block }: { block: Block }) {
  return (
    <figure className="block-image">
      {block.title && (
        <figcaption>
          <TextOf text={block.title} />
        </figcaption>
      )}
      <Picture element={block} className="whole-picture" />
    </figure>
  );
}

/** A picture of this server; one from outside is named and linked, as the page asks no other server for anything. */
export function Picture({ element, className }: { element: Block; className: string }): ReactNode {
  const { look } = useActing();
  const file = look.files[element.slack_file?.id ?? ""];
  const url = String(file?.url ?? element.image_url ?? element.slack_file?.url ?? "");
  const alt = String(element.alt_text ?? "");
  if (isOwn(url)) return <img className={className} src={url} alt={alt} loading="lazy" />;
  return (
    <span className="outside-picture">
      <Icon name="link" size={14} /> {url ? <Link url={url}>{alt || url}</Link> : alt || "a picture"} <small>a picture from outside</small>
    </span>
  );
}

export function isOwn(url: string): boolean {
  if (!url) return false;
  return url.startsWith("data:image/") || new URL(url, window.location.href).origin === window.location.origin;
}

export function FileBlock({ block }: { block: Block }) {
  return (
    <p className="not-drawn">
      <Icon name="file" size={14} /> A remote file, <code className="code">{block.external_id}</code>
    </p>
  );
}

/** Videos stand on other hosts, so that only their title and link are shown. */
export function Video({ block }: { block: Block }) {
  const url = String(block.title_url ?? block.video_url ?? "");
  return (
    <div className="panel">
      <p className="panel-title">
        <Link url={url}>
          <TextOf text={block.title} />
        </Link>
      </p>
      {block.description && (
        <p>
          <TextOf text={block.description} />
        </p>
      )}
      <p className="panel-note">{["A video", block.author_name, block.provider_name].filter(Boolean).join(" · ")}</p>
    </div>
  );
}
