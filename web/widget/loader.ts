/* /widget.js: the one script that a page names. It is short and soon asked for again, so that a page
 * gets a new widget without a change; the widget itself stands under a name that tells its bytes. */
import type { Api, Forerunner } from "./api";

declare const WIDGET_PATH: string;
declare const WIDGET_INTEGRITY: string;

interface Policy {
  createScriptURL(url: string): string;
}

interface TrustedTypes {
  createPolicy(name: string, rules: Policy): Policy;
}

let policy: Policy | undefined;

const names: (keyof Api)[] = ["open", "close", "toggle", "ask", "reset", "setLanguage"];

/* Remembers what the page asks for until the widget is there. */
function forerunner(): Forerunner {
  const calls: [keyof Api, unknown[]][] = [];
  const remember = (name: keyof Api) => [name, (...values: unknown[]) => void calls.push([name, values])];
  const on: Api["on"] = (event, handler) => {
    let wanted = true;
    calls.push(["on", [event, (...values: Parameters<typeof handler>) => wanted && handler(...values)]]);
    return () => void (wanted = false);
  };
  return { ...Object.fromEntries(names.map(remember)), on, calls } as Forerunner;
}

/* Pages that ask for trusted types get one: "trusted-types metachat" in their policy. */
function trusted(source: string): string {
  const { trustedTypes } = window as unknown as { trustedTypes?: TrustedTypes };
  policy ??= trustedTypes?.createPolicy("metachat", { createScriptURL: (url) => url });
  return policy ? policy.createScriptURL(source) : source;
}

function insert(own: HTMLScriptElement, source: string, integrity: string): HTMLScriptElement {
  const script = document.createElement("script");
  Object.assign(script.dataset, own.dataset);
  if (integrity) script.integrity = integrity;
  script.crossOrigin = "anonymous";
  script.nonce = own.nonce ?? "";
  script.async = true;
  script.src = trusted(source);
  document.head.append(script);
  return script;
}

function load(own: HTMLScriptElement): void {
  const widget = insert(own, new URL(WIDGET_PATH, own.src).href, WIDGET_INTEGRITY);
  // A loader from a cache may be older than the server: once, ask for the one of today.
  widget.onerror = () => {
    if (own.dataset.again) return;
    own.dataset.again = "1";
    insert(own, `${new URL("/widget.js", own.src).href}?at=${Date.now()}`, "");
  };
}

const own = document.currentScript;
if (own instanceof HTMLScriptElement && (!window.metachat || own.dataset.again)) {
  window.metachat ??= forerunner();
  load(own);
}
