/* The keyboard inside of a dialog: Tab goes round in it, Escape leaves it. */

const reachable = "button:not(:disabled), textarea, a[href], summary, [tabindex='0']";

function shown(node: HTMLElement): boolean {
  return node.getClientRects().length > 0 && getComputedStyle(node).visibility !== "hidden";
}

/** leave: what Escape does. */
export function trapFocus(dialog: HTMLElement, leave: () => void): void {
  dialog.addEventListener("keydown", (e) => {
    if (e.key === "Escape" && !e.isComposing) {
      e.preventDefault();
      e.stopPropagation();
      leave();
    } else if (e.key === "Tab") {
      const all = [...dialog.querySelectorAll<HTMLElement>(reachable)].filter(shown);
      const [first, last] = [all[0], all[all.length - 1]];
      const at = (dialog.getRootNode() as ShadowRoot).activeElement;
      const end = e.shiftKey ? first : last;
      if (at === end || at === dialog || !all.includes(at as HTMLElement)) {
        e.preventDefault();
        (e.shiftKey ? last : first)?.focus();
      }
    }
  });
}
