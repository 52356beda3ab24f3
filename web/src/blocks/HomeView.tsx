import type { View } from "../wire/types";
export default function HomeView({ view }: { view: View }) {
  return <p>{view.id}</p>;
}
