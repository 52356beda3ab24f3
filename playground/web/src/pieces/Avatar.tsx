/** A drawn picture of a person: initials on a colour of the person's; a rising curve for an app. */

import { useActing } from "../state/acting";
import type { User } from "../wire/types";

const HUES = 8;

export function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  return letters.map((word) => word?.charAt(0) ?? "").join("").toUpperCase() || "?";
}

export function Avatar({ user, id, size = 36 }: { user: User | undefined; id: string; size?: number }) {
  const { look } = useActing();
  const hue = Math.max(look.users.findIndex((one) => one.id === id), 0) % HUES; // by place: no two of a small team alike
  const name = user?.real_name || user?.name || id;
  return (
    <svg
      className={`avatar ${user?.is_bot ? "avatar-bot" : `avatar-${hue}`}`}
      width={size}
      height={size}
      viewBox="0 0 36 36"
      aria-hidden="true"
      focusable="false"
    >
      <rect width="36" height="36" rx="9" />
      {user?.is_bot ? (
        <>
          <path d="M8 25.5c4.5 0 5.5-3.5 8-8s4.5-6.5 12-7.5" />
          <circle cx="28" cy="10" r="2.8" />
        </>
      ) : (
        <text x="18" y="18" dy="0.35em" textAnchor="middle">
          {initials(name)}
        </text>
      )}
    </svg>
  );
}
