import type { View } from "../wire/types";
export default function ModalView({ view }: { view: View }) {
  return <p>{view.id}</p>;
}
