/** An address that a link may lead to: http or https, without a user's name in it; else null. */
export function webAddress(text: unknown): string | null {
  if (typeof text !== "string" || text.length > 2000) return null;
  try {
    const url = new URL(text);
    const plain = (url.protocol === "https:" || url.protocol === "http:") && !url.username && !url.password;
    return plain ? url.href : null;
  } catch {
    return null;
  }
}
