/** What a message says: its blocks where it has some, else its text. The drawer of blocks is loaded when one is there. */

import { lazy, Suspense } from "react";
import { Mrkdwn } from "../text/Rich";
import type { Message } from "../wire/types";

const Blocks = lazy(() => import("../blocks/MessageBlocks"));
const Attachments = lazy(() => import("../blocks/Attachments"));

/** `marksEdit`: whether the byline, which would say so, is left out. */
export function Body({ message, marksEdit = false }: { message: Message; marksEdit?: boolean }) {
  return (
    <div className="body">
      {message.blocks.length > 0 ? (
        <Suspense fallback={<Mrkdwn text={message.text} />}>
          <Blocks message={message} />
        </Suspense>
      ) : (
        message.text && <Mrkdwn text={message.text} />
      )}
      {message.attachments?.length ? (
        <Suspense fallback={null}>
          <Attachments message={message} />
        </Suspense>
      ) : null}
      {marksEdit && message.edited && <span className="edited">(edited)</span>}
    </div>
  );
}
