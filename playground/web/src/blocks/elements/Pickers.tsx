/** Days and times: the browser's own pickers. */

import { useActing } from "../../state/acting";
import { localAt, unixAt } from "../../text/date";
import { aria, nameFor, useValue, type ControlProps } from "./control";

export const DatePicker = (props: ControlProps) => <Picker kind="date" {...props} />;
export const TimePicker = (props: ControlProps) => <Picker kind="time" {...props} />;

function Picker({ kind, ...props }: ControlProps & { kind: "date" | "time" }) {
  const [kept, tell] = useValue<string | null>(props);
  return (
    <input
      type={kind}
      id={props.id}
      className="field"
      aria-label={nameFor(props)}
      {...aria(props)}
      value={kept ?? ""}
      onChange={(event) => tell(event.target.value || null)}
    />
  );
}

/** A moment, kept as Unix seconds and shown in the person's zone. */
export function DateTimePicker(props: ControlProps) {
  const { me } = useActing();
  const [kept, tell] = useValue<number | null>(props);
  const zone = me.tz || "UTC";
  return (
    <input
      type="datetime-local"
      id={props.id}
      className="field"
      aria-label={`${nameFor(props)}, ${zone.replaceAll("_", " ")}`}
      {...aria(props)}
      value={kept ? localAt(kept, zone) : ""}
      onChange={(event) => tell(event.target.value ? unixAt(event.target.value, zone) : null)}
    />
  );
}
