/** The app's Home, as it was drawn for this person. */

import { useMemo, useState } from "react";
import type { Values, View } from "../wire/types";
import { BlockList } from "./BlockOf";
import { SurfaceOf } from "./surface";
import { identified } from "./values";

export default function HomeView({ view }: { view: View }) {
  const [filled, setFilled] = useState<Values>({});
  const blocks = useMemo(() => identified(view.body.blocks ?? []), [view.body.blocks]);
  const where = useMemo(() => ({ view: view.id }), [view.id]);
  return (
    <SurfaceOf where={where} blocks={blocks} filled={filled} setFilled={setFilled}>
      <BlockList blocks={blocks} />
      {blocks.length === 0 && <p className="empty">This Home is empty.</p>}
    </SurfaceOf>
  );
}
