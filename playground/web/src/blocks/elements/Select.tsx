/** One out of many: the browser's own select. */

import { useActing } from "../../state/acting";
import { aria, nameFor, useValue, type ControlProps } from "./control";
import { groupsOf, keyOf, type Choice } from "./options";

export function Select(props: ControlProps) {
  const { look, me } = useActing();
  const [kept, tell] = useValue<unknown>(props);
  const groups = groupsOf(props.element, look, me.id);
  const all = groups.flatMap((group) => group.choices);
  const choose = (key: string) => {
    const found = all.find((choice) => choice.key === key);
    if (found || props.waits) tell(found?.kept ?? null);
  };
  const outside = props.element.type === "external_select";
  return (
    <select
      id={props.id}
      className="field select"
      aria-label={nameFor(props)}
      {...aria(props)}
      title={outside ? "Its choices come from the app, which the playground does not ask" : undefined}
      value={keyOf(kept)}
      onChange={(event) => choose(event.target.value)}
    >
      <option value="">{props.element.placeholder?.text ?? "Choose …"}</option>
      {groups.map((group) =>
        group.label ? (
          <optgroup key={group.label} label={group.label}>
            <Options choices={group.choices} />
          </optgroup>
        ) : (
          <Options key="" choices={group.choices} />
        ),
      )}
    </select>
  );
}

function Options({ choices }: { choices: Choice[] }) {
  return choices.map((choice) => (
    <option key={choice.key} value={choice.key}>
      {choice.label}
    </option>
  ));
}
