/** One block, drawn by who draws it best: here what people act on, slack-blocks-to-jsx what is only read. */

import { Component, lazy, Suspense, type ReactNode } from "react";
import { oneLine } from "../text/mrkdwn";
import type { Block } from "../wire/types";
import { Chart } from "./chart/Chart";
import { Actions, ContextActions, InputBlock } from "./interactive";
import { Alert, Card, Carousel, Container, Plan, TaskCard } from "./panels";
import { Context, Divider, FileBlock, Header, ImageBlock, Section, Video } from "./plain";
import { Table } from "./Tables";

const Library = lazy(() => import("./Library"));

type Drawer = (shown: { block: Block }) => ReactNode;

const DRAWERS: Record<string, Drawer> = {
  actions: Actions,
  alert: Alert,
  card: Card,
  carousel: Carousel,
  container: Container,
  context: Context,
  context_actions: ContextActions,
  data_table: Table,
  data_visualization: Chart,
  divider: Divider,
  file: FileBlock,
  header: Header,
  image: ImageBlock,
  input: InputBlock,
  plan: Plan,
  section: Section,
  table: Table,
  task_card: TaskCard,
  video: Video,
};

const BY_LIBRARY = new Set(["markdown", "rich_text"]);

export function BlockList({ blocks }: { blocks: Block[] }) {
  return (
    <div className="blocks">
      {blocks.map((block, at) => (
        <Whole key={block.block_id ?? at} block={block}>
          <BlockOf block={block} />
        </Whole>
      ))}
    </div>
  );
}

export function BlockOf({ block }: { block: Block }): ReactNode {
  const Drawn = DRAWERS[block.type];
  if (Drawn) return <Drawn block={block} />;
  if (BY_LIBRARY.has(block.type)) {
    return (
      <Suspense fallback={<p className="block-loading">{oneLine(String(block.text ?? "…")).slice(0, 200)}</p>}>
        <Library block={block} />
      </Suspense>
    );
  }
  return <NotDrawn type={block.type} />;
}

function NotDrawn({ type }: { type: string }) {
  return (
    <p className="not-drawn">
      A block of type <code className="code">{type}</code>, which this page does not draw.
    </p>
  );
}

/** A block that is not made as its type should be takes no other with it. */
class Whole extends Component<{ block: Block; children: ReactNode }, { broken: Block | null }> {
  override state = { broken: null };

  static getDerivedStateFromError(): { broken: Block | null } {
    return { broken: {} as Block };
  }

  override componentDidUpdate(before: { block: Block }): void {
    if (this.state.broken && before.block !== this.props.block) this.setState({ broken: null }); // it may be repaired
  }

  override render(): ReactNode {
    return this.state.broken ? <NotDrawn type={this.props.block.type} /> : this.props.children;
  }
}
