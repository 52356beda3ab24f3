/** The modal in front of the person, if there is one; its drawer is loaded with the first. */

import { lazy, Suspense } from "react";
import { useTalk } from "../state/acting";

const Modal = lazy(() => import("../blocks/ModalView"));

export function Modals() {
  const { modal } = useTalk();
  return modal ? (
    <Suspense fallback={null}>
      <Modal key={modal.id} view={modal} />
    </Suspense>
  ) : null;
}
