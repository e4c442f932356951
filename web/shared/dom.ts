type Child = Node | string;

/** Makes an element; text is always text, never markup. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const svgSpace = "http://www.w3.org/2000/svg";

/** A picture of 24 by 24 in lines of the text's colour; for the eye alone. */
export function icon(...paths: string[]): SVGElement {
  const svg = document.createElementNS(svgSpace, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  for (const d of paths) {
    const path = document.createElementNS(svgSpace, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

/** The element with this id; a page without it is a fault of ours. */
export function byId<T extends HTMLElement>(id: string): T {
  const node = document.getElementById(id);
  if (!node) throw new Error(`no element #${id}`);
  return node as T;
}
