/** Blocks in a frame: alert, card, carousel, container, task card, plan. */

import { Icon, type IconName } from "../pieces/icons";
import { Link, TextOf } from "../text/Rich";
import type { Block } from "../wire/types";
import { BlockList, BlockOf } from "./BlockOf";
import { ElementOf } from "./elements/ElementOf";
import { Picture } from "./plain";
import { identified } from "./values";

const ALERTS: Record<string, [IconName, string]> = {
  info: ["info", "Information"],
  warning: ["alert", "Warning"],
  error: ["alert", "Error"],
  success: ["check", "Success"],
};

export function Alert({ block }: { block: Block }) {
  const level = ALERTS[block.level] ? String(block.level) : "info";
  const [icon, word] = ALERTS[level] as [IconName, string];
  return (
    <div className={`alert alert-${level}`} role="note" aria-label={word}>
      <Icon name={icon} />
      <div>
        <TextOf text={block.text} />
      </div>
    </div>
  );
}

export function Card({ block }: { block: Block }) {
  const id = block.block_id ?? "";
  return (
    <article className="panel card">
      {block.hero_image && <Picture element={block.hero_image} className="card-hero" />}
      <div className="card-head">
        {block.icon && <Picture element={block.icon} className="card-icon" />}
        <div>
          {block.title && (
            <p className="panel-title">
              <TextOf text={block.title} />
            </p>
          )}
          {block.subtitle && (
            <p className="panel-note">
              <TextOf text={block.subtitle} />
            </p>
          )}
        </div>
      </div>
      {block.body && <TextOf text={block.body} />}
      {block.actions?.length > 0 && (
        <div className="block-actions">
          {(block.actions as Block[]).map((element, at) => (
            <ElementOf key={element.action_id ?? at} block={id} element={element} label={block.title?.text ?? ""} />
          ))}
        </div>
      )}
    </article>
  );
}

export function Carousel({ block }: { block: Block }) {
  return (
    <div className="carousel" role="group" aria-label="Cards" tabIndex={0}>
      {identified((block.elements ?? []) as Block[]).map((card) => (
        <Card key={card.block_id} block={{ ...card, block_id: block.block_id ?? "" }} />
      ))}
    </div>
  );
}

export function Container({ block }: { block: Block }) {
  const head = (
    <>
      <TextOf text={block.title} />
      {block.subtitle && (
        <span className="panel-note">
          {" "}
          <TextOf text={block.subtitle} />
        </span>
      )}
    </>
  );
  const body = <BlockList blocks={identified((block.child_blocks ?? []) as Block[])} />;
  return block.is_collapsible ? (
    <details className="panel" open={!block.default_collapsed}>
      <summary className="panel-title">{head}</summary>
      {body}
    </details>
  ) : (
    <div className="panel">
      <p className="panel-title">{head}</p>
      {body}
    </div>
  );
}

const STATES: Record<string, [mark: string, word: string]> = {
  pending: ["○", "pending"],
  in_progress: ["◐", "in progress"],
  complete: ["✓", "complete"],
  error: ["!", "failed"],
};

export function TaskCard({ block }: { block: Block }) {
  return (
    <div className="panel">
      <Task block={block} />
    </div>
  );
}

function Task({ block }: { block: Block }) {
  const state = STATES[block.status] ? String(block.status) : "pending";
  const [mark, word] = STATES[state] as [string, string];
  return (
    <div className={`task task-${state}`}>
      <span className="task-mark" aria-hidden="true">
        {mark}
      </span>
      <div>
        <p className="panel-title">
          {block.title} <span className="panel-note">{word}</span>
        </p>
        {block.details && <BlockOf block={block.details} />}
        {block.output && <BlockOf block={block.output} />}
        {block.sources?.length > 0 && (
          <p className="panel-note">
            Sources:{" "}
            {(block.sources as Block[]).map((source, at) => (
              <span key={at}>
                {at > 0 && ", "}
                <Link url={String(source.url)}>{source.text}</Link>
              </span>
            ))}
          </p>
        )}
      </div>
    </div>
  );
}

export function Plan({ block }: { block: Block }) {
  const tasks = (block.tasks ?? []) as Block[];
  const done = tasks.filter((task) => task.status === "complete").length;
  return (
    <div className="panel">
      <p className="panel-title">
        {typeof block.title === "string" ? block.title : <TextOf text={block.title} />}{" "}
        <span className="panel-note">
          {done} of {tasks.length} done
        </span>
      </p>
      <ol className="plan">
        {tasks.map((task, at) => (
          <li key={task.task_id ?? at}>
            <Task block={task} />
          </li>
        ))}
      </ol>
    </div>
  );
}
