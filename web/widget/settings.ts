/* What the page and the tenant set, checked here again: whatever it says, it is a short text, a
 * colour of six digits, one of a few words, or nothing. */
import { webAddress } from "../shared/address";

export interface Look {
  title: string;
  greeting: string;
  placeholder: string;
  launcher: string;
  color: string;
  position: "left" | "right";
  theme: "auto" | "light" | "dark";
  language: string | null;
  privacyUrl: string | null;
}

type Raw = Record<string, unknown>;

/* Control signs, and those that turn the direction of what comes behind them. */
const unseen = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** A text of at most max signs; "" when it is none. */
export function plain(value: unknown, max: number): string {
  return typeof value === "string" ? value.replace(unseen, "").trim().slice(0, max) : "";
}

export function colour(value: unknown): string | null {
  return typeof value === "string" && /^#[0-9a-f]{6}$/i.test(value) ? value.toLowerCase() : null;
}

function oneOf<T extends string>(value: unknown, words: readonly T[]): T | null {
  return words.find((word) => word === value) ?? null;
}

function languageTag(value: unknown): string | null {
  return typeof value === "string" && /^[a-z]{2,3}(-[a-z0-9]{1,8})*$/i.test(value) ? value : null;
}

/** The look: what the script tag says (data-…) comes before what the tenant set. */
export function readLook(tenant: Raw, page: Raw): Look {
  const pick = <T>(name: string, read: (value: unknown) => T | null): T | null =>
    read(page[name]) ?? read(tenant[name]);
  return {
    title: plain(tenant.title, 80),
    greeting: plain(tenant.greeting, 500),
    placeholder: plain(tenant.placeholder, 80),
    launcher: plain(tenant.launcher, 40),
    color: pick("color", colour) ?? "#2563eb",
    position: pick("position", (v) => oneOf(v, ["left", "right"])) ?? "right",
    theme: oneOf(page.theme, ["auto", "light", "dark"]) ?? "auto",
    language: pick("language", languageTag),
    privacyUrl: webAddress(tenant.privacyUrl),
  };
}

/** The widget key of the script tag; null when it cannot be one. */
export function readKey(page: Raw): string | null {
  return typeof page.key === "string" && /^wk_\w{1,100}$/.test(page.key) ? page.key : null;
}
