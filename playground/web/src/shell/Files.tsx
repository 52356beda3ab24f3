/** The files of a message: pictures as pictures, texts with their beginning, all with a link. */

import { useEffect, useState } from "react";
import { Icon } from "../pieces/icons";
import { useActing } from "../state/acting";
import type { Message, SharedFile } from "../wire/types";

const PREVIEW_LINES = 6;
const LARGEST_PREVIEW_BYTES = 400_000;

export function Files({ message }: { message: Message }) {
  const { look } = useActing();
  const files = message.files.map((id) => look.files[id]).filter((file) => file !== undefined);
  return files.length ? (
    <div className="files">
      {files.map((file) => (
        <FileOf key={file.id} file={file} />
      ))}
    </div>
  ) : null;
}

export function sizeOf(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1_000_000 ? `${Math.round(bytes / 1000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

function FileOf({ file }: { file: SharedFile }) {
  const title = file.title || file.name;
  const head = (
    <div className="file-head">
      <Icon name="file" />
      <a href={file.url} target="_blank" rel="noopener">
        {title}
      </a>
      <span>{sizeOf(file.size)}</span>
    </div>
  );
  if (file.mimetype.startsWith("image/")) {
    return (
      <figure className="file">
        {head}
        <a href={file.url} target="_blank" rel="noopener">
          <img src={file.url} alt={title} loading="lazy" />
        </a>
      </figure>
    );
  }
  return (
    <div className="file">
      {head}
      {file.size <= LARGEST_PREVIEW_BYTES && <Preview file={file} />}
    </div>
  );
}

function Preview({ file }: { file: SharedFile }) {
  const [text, setText] = useState("");
  const [whole, setWhole] = useState(false);
  useEffect(() => {
    const ending = new AbortController();
    fetch(file.url, { signal: ending.signal })
      .then((response) => (response.ok ? response.text() : ""))
      .then(setText)
      .catch(() => setText("")); // the link above still tells why
    return () => ending.abort();
  }, [file.url, file.size]);
  if (!text) return null;
  const lines = text.split("\n");
  const cut = lines.length > PREVIEW_LINES;
  return (
    <>
      <pre className="pre file-text" tabIndex={0}>
        {whole || !cut ? text : lines.slice(0, PREVIEW_LINES).join("\n")}
      </pre>
      {cut && (
        <button type="button" className="quiet" aria-expanded={whole} onClick={() => setWhole(!whole)}>
          {whole ? "Show less" : `Show all ${lines.length} lines`}
        </button>
      )}
    </>
  );
}
