// Header with the navigation.

import {
  Bell,
  ChartLine,
  ClipboardCheck,
  Database,
  Ellipsis,
  FlaskConical,
  Keyboard,
  ListTree,
  LogOut,
  MessagesSquare,
  Monitor,
  Moon,
  Package,
  Quote,
  Settings,
  Sun,
  Unplug,
} from "lucide-react";
import { useEffect, useState } from "react";
import { Link, useLocation } from "wouter";
import { request } from "../api/client";
import { useIsLost } from "../api/live";
import type { ServerInfo } from "../api/types";
import { listAddress } from "../trace/neighbours";
import { useKeys } from "../ui/keys";
import { setTheme, type Theme, useTheme } from "../ui/theme";
import { Shortcuts } from "./Shortcuts";

// the first ones are always there on a phone, the others after "More"
const FIRST = 4;
const PAGES = [
  ["/traces", "Traces", ListTree],
  ["/sessions", "Sessions", MessagesSquare],
  ["/versions", "Versions", Package],
  ["/evaluations", "Evaluations", FlaskConical],
  ["/prompts", "Prompts", Quote],
  ["/datasets", "Datasets", Database],
  ["/review", "Review", ClipboardCheck],
  ["/dashboard", "Dashboard", ChartLine],
] as const;

const NEXT: Record<Theme, [Theme, string, typeof Sun]> = {
  system: ["light", "as the system says", Monitor],
  light: ["dark", "light", Sun],
  dark: ["system", "dark", Moon],
};

async function signOut(): Promise<void> {
  await request("/sign-out", {}, { method: "POST" });
  window.location.reload();
}

export function Header({ server }: { server: ServerInfo }) {
  const [path] = useLocation();
  const theme = useTheme();
  const [isHelpOpen, setHelpOpen] = useState(false);
  useKeys({ "?": () => setHelpOpen(true) });
  const isLost = useIsLost();
  const [next, word, ThemeIcon] = NEXT[theme];
  return (
    <header className="top">
      <Link href="/traces" className="brand" aria-label="tracer, all traces">
        <Logo />
        <span>tracer</span>
      </Link>
      <Pages path={path} />
      <div className="top-end">
        <span role="status">
          {isLost && (
            <span className="badge warn lost" title="The server does not answer. What is shown may be old.">
              <Unplug aria-hidden /> Not connected
              <span className="wide-only">, trying again</span>
            </span>
          )}
        </span>
        {server.store && (
          <span className="store mono" title={server.store}>
            {server.store.split("/").slice(-2).join("/")}
          </span>
        )}
        {server.alerts && (
          <Link href="/alerts" className="button quiet square" aria-label="Alerts" title="Alerts">
            <Bell aria-hidden />
          </Link>
        )}
        {server.roles?.includes("admin") && (
          <Link href="/settings" className="button quiet square" aria-label="Settings" title="Projects and keys">
            <Settings aria-hidden />
          </Link>
        )}
        {server.auth === "token" && (
          <button
            type="button"
            className="button quiet square"
            aria-label="Sign out"
            title="Sign out"
            onClick={() => void signOut()}
          >
            <LogOut aria-hidden />
          </button>
        )}
        <button
          type="button"
          className="button quiet square"
          aria-label="Keyboard shortcuts"
          title="Keyboard shortcuts (?)"
          onClick={() => setHelpOpen(true)}
        >
          <Keyboard aria-hidden />
        </button>
        <button
          type="button"
          className="button quiet square"
          aria-label={`Colours: ${word}`}
          title={`Colours: ${word}`}
          onClick={() => setTheme(next)}
        >
          <ThemeIcon aria-hidden />
        </button>
      </div>
      <Shortcuts open={isHelpOpen} onClose={() => setHelpOpen(false)} />
    </header>
  );
}

function Pages({ path }: { path: string }) {
  const [hasMore, setMore] = useState(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another page closes it
  useEffect(() => setMore(false), [path]);
  const here = PAGES.findIndex(([href]) => path === href || path.startsWith(`${href}/`));
  return (
    <nav
      aria-label="Pages"
      onKeyDown={(event) => {
        if (event.key === "Escape") setMore(false);
      }}
    >
      <ul className={hasMore ? "pages has-more" : "pages"} id="pages">
        {PAGES.map(([href, name, Icon], at) => (
          <li key={href} className={at < FIRST ? undefined : "later"}>
            <Link
              href={href === "/traces" && here !== 0 ? listAddress() : href}
              aria-current={here === at ? "page" : undefined}
            >
              <Icon aria-hidden className="icon" />
              {name}
            </Link>
          </li>
        ))}
        <li className="more">
          <button
            type="button"
            className={here < FIRST ? undefined : "is-here"}
            aria-expanded={hasMore}
            aria-controls="pages"
            onClick={() => setMore(!hasMore)}
          >
            <Ellipsis aria-hidden className="icon" />
            More
          </button>
        </li>
      </ul>
    </nav>
  );
}

export function Logo() {
  return (
    <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
      <rect width="24" height="24" rx="6" className="logo-ground" />
      <g fill="#fff">
        <rect x="5" y="6" width="14" height="2.6" rx="1.3" />
        <rect x="8" y="10.7" width="7" height="2.6" rx="1.3" opacity="0.85" />
        <rect x="12" y="15.4" width="7" height="2.6" rx="1.3" opacity="0.7" />
      </g>
    </svg>
  );
}
