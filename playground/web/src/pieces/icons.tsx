/** The few pictures of the page, drawn here. All are ornaments: what they mean is said in words beside them. */

import type { ReactNode } from "react";

const PATHS = {
  hash: <path d="M6.5 3 5 15M13 3l-1.5 12M3 7h12.5M2.5 11.5H15" />,
  lock: (
    <>
      <rect x="4" y="8" width="10" height="7" rx="1.5" />
      <path d="M6 8V6a3 3 0 0 1 6 0v2" />
    </>
  ),
  close: <path d="m4.5 4.5 9 9m0-9-9 9" />,
  menu: <path d="M3 5h12M3 9h12M3 13h12" />,
  send: <path d="M3 9h9m-4.5-5 6 5-6 5" />,
  thread: <path d="M3 4.5h12v7.5H8l-3.5 3V12H3z" />,
  guide: <path d="M9 5.5C7.5 4 5 4 3 4.5v9c2-.5 4.5-.5 6 1 1.5-1.5 4-1.5 6-1v-9c-2-.5-4.5-.5-6 1zm0 0v9" />,
  record: <path d="M2.5 9h3l2-5 3 10 2-5h3" />,
  moon: <path d="M14.5 10.5A6 6 0 0 1 7.5 3.5a6 6 0 1 0 7 7z" />,
  sun: (
    <>
      <circle cx="9" cy="9" r="3" />
      <path d="M9 2v1.5M9 14.5V16M2 9h1.5M14.5 9H16M4 4l1 1M13 13l1 1M14 4l-1 1M5 13l-1 1" />
    </>
  ),
  smile: (
    <>
      <circle cx="9" cy="9" r="6.5" />
      <path d="M6 10.5c.7 1.4 1.7 2 3 2s2.3-.6 3-2M6.8 7v.5M11.2 7v.5" />
    </>
  ),
  eye: (
    <>
      <path d="M2 9c2-3.5 4.3-5 7-5s5 1.5 7 5c-2 3.5-4.3 5-7 5s-5-1.5-7-5z" />
      <circle cx="9" cy="9" r="2" />
    </>
  ),
  file: <path d="M5 2.5h5.5L14 6v9.5H5zM10.5 2.5V6H14" />,
  down: <path d="m4.5 7 4.5 4.5L13.5 7" />,
  more: <path d="M4 9h.01M9 9h.01M14 9h.01" strokeWidth="2.6" />,
  search: (
    <>
      <circle cx="8" cy="8" r="4.5" />
      <path d="m11.5 11.5 4 4" />
    </>
  ),
  link: <path d="M7.5 10.5a3 3 0 0 0 4.2 0l2.5-2.5a3 3 0 0 0-4.2-4.2L9 4.8M10.5 7.5a3 3 0 0 0-4.2 0L3.8 10A3 3 0 0 0 8 14.2l1-1" />,
  pen: <path d="m3.5 14.5.8-3.3 7.4-7.4 2.5 2.5-7.4 7.4zM10.2 5.3l2.5 2.5" />,
  check: <path d="m3.5 9.5 3.5 3.5 7.5-8" />,
  alert: <path d="M9 3 2.5 14.5h13zM9 7.5v3M9 12.5v.3" />,
  info: (
    <>
      <circle cx="9" cy="9" r="6.5" />
      <path d="M9 8.5V12M9 6v.3" />
    </>
  ),
} satisfies Record<string, ReactNode>;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 18 18" aria-hidden="true" focusable="false">
      <g fill="none" stroke="currentColor" strokeWidth="1.5" strokeLinecap="round" strokeLinejoin="round">
        {PATHS[name]}
      </g>
    </svg>
  );
}
