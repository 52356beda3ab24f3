/** The blocks of a message. */

import { useMemo, useState } from "react";
import type { Message, Values } from "../wire/types";
import { BlockList } from "./BlockOf";
import { SurfaceOf } from "./surface";
import { identified } from "./values";

export default function MessageBlocks({ message }: { message: Message }) {
  const [filled, setFilled] = useState<Values>({});
  const blocks = useMemo(() => identified(message.blocks), [message.blocks]);
  const where = useMemo(() => ({ channel: message.channel, ts: message.ts }), [message.channel, message.ts]);
  return (
    <SurfaceOf where={where} blocks={blocks} filled={filled} setFilled={setFilled}>
      <BlockList blocks={blocks} />
    </SurfaceOf>
  );
}
