import type { Message } from "../wire/types";
import { Mrkdwn } from "../text/Rich";
export default function MessageBlocks({ message }: { message: Message }) {
  return <Mrkdwn text={message.text} />;
}
