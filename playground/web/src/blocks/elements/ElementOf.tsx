/** One element, as a real control of HTML. */

import type { ReactNode } from "react";
import type { Block } from "../../wire/types";
import { Picture } from "../plain";
import { ButtonElement, FeedbackButtons, IconButton } from "./Buttons";
import { Checkboxes, Radios } from "./Choices";
import type { ControlProps } from "./control";
import { MultiSelect } from "./MultiSelect";
import { Overflow } from "./Overflow";
import { DatePicker, DateTimePicker, TimePicker } from "./Pickers";
import { Select } from "./Select";
import { FileInput, NumberInput, RichTextInput, TextInput } from "./TextInput";

const CONTROLS: Record<string, (props: ControlProps) => ReactNode> = {
  button: ButtonElement,
  workflow_button: ButtonElement,
  icon_button: IconButton,
  feedback_buttons: FeedbackButtons,
  checkboxes: Checkboxes,
  radio_buttons: Radios,
  overflow: Overflow,
  datepicker: DatePicker,
  timepicker: TimePicker,
  datetimepicker: DateTimePicker,
  static_select: Select,
  external_select: Select,
  users_select: Select,
  channels_select: Select,
  conversations_select: Select,
  multi_static_select: MultiSelect,
  multi_external_select: MultiSelect,
  multi_users_select: MultiSelect,
  multi_channels_select: MultiSelect,
  multi_conversations_select: MultiSelect,
  plain_text_input: TextInput,
  email_text_input: TextInput,
  url_text_input: TextInput,
  number_input: NumberInput,
  rich_text_input: RichTextInput,
  file_input: FileInput,
};

export function ElementOf(props: ControlProps): ReactNode {
  const element: Block = props.element;
  const Control = CONTROLS[element.type];
  if (Control) return <Control {...props} />;
  if (element.type === "image") return <Picture element={element} className="section-picture" />;
  return (
    <span className="not-drawn">
      An element of type <code className="code">{element.type}</code>, which this page does not draw.
    </span>
  );
}
